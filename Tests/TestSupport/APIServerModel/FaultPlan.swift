import Foundation

/// What goes wrong between a client and the model, request by request or by seed. The three ways in which controllers
/// break (Sieve, OSDI 2022): interrupted, stale, missed.
package struct FaultPlan: Sendable {
    package enum Fault: Hashable, Sendable {
        /// The request never arrives.
        case lostBefore
        /// The request takes effect; its answer never arrives.
        case lostAfter
        /// 429; nothing happens.
        case tooManyRequests(retryAfterSeconds: Int)
        /// 503; nothing happens.
        case unavailable
        /// A list as it was so many revisions ago, as a server that lags behind answers it.
        case stale(revisions: Int)
        /// 401: the credentials have expired.
        case unauthorized
    }

    /// Chances in 0...1. Events are those of watches.
    package struct Rates: Sendable {
        package var lostBefore = 0.0
        package var lostAfter = 0.0
        package var tooManyRequests = 0.0
        package var unavailable = 0.0
        /// Of lists that take whatever the server has in memory (`resourceVersion=0`).
        package var staleLists = 0.0
        /// That events wait until the next change.
        package var lag = 0.0
        package var repeatedEvents = 0.0
        /// That two events of one delivery change places, if they are about different objects.
        package var reorderedEvents = 0.0
        /// That an event is lost together with its watch; a client that resumes is told again.
        package var lostEvents = 0.0
        /// That an event is left out, and the watch goes on. No correct server does so.
        package var droppedEvents = 0.0
        package var endedWatches = 0.0

        package init() {}
    }

    /// By the number of the request, the first is 1.
    package var requests: [Int: Fault] = [:]
    package var rates: Rates
    /// How many faults are drawn; then all goes well. Whoever is to reach its end must be let.
    package private(set) var budget: Int
    package let seed: UInt64
    private var draws: SeededDraws

    package init(seed: UInt64 = 0, rates: Rates = Rates(), budget: Int = 0, requests: [Int: Fault] = [:]) {
        self.seed = seed
        self.rates = rates
        self.budget = budget
        self.requests = requests
        draws = SeededDraws(seed: seed)
    }

    /// What happens to a request.
    /// - Parameter takesWhatIsCached: it is a list with `resourceVersion=0`.
    mutating func fault(ofRequest number: Int, takesWhatIsCached: Bool) -> Fault? {
        if let fault = requests[number] { return fault }
        if strikes(rates.lostBefore) { return .lostBefore }
        if strikes(rates.lostAfter) { return .lostAfter }
        if strikes(rates.tooManyRequests) { return .tooManyRequests(retryAfterSeconds: 1) }
        if strikes(rates.unavailable) { return .unavailable }
        if takesWhatIsCached, strikes(rates.staleLists) { return .stale(revisions: 1 + Int(draws.uniform() * 20)) }
        return nil
    }

    /// Draws, and takes from the budget.
    private mutating func strikes(_ rate: Double) -> Bool {
        guard rate > 0, budget > 0, draws.uniform() < rate else { return false }
        budget -= 1
        return true
    }

    /// What becomes of events on their way.
    struct Delivery {
        var events: [ModelEvent] = []
        /// Not delivered yet.
        var held: [ModelEvent] = []
        var endsWatch = false
    }

    mutating func deliver(_ events: [ModelEvent]) -> Delivery {
        var delivery = Delivery()
        if !events.isEmpty, strikes(rates.lag) {
            delivery.held = events
            return delivery
        }
        for event in events {
            if strikes(rates.lostEvents) {
                delivery.endsWatch = true
                return delivery
            }
            if strikes(rates.droppedEvents) { continue }
            delivery.events.append(event)
            if event.kind != .error, strikes(rates.repeatedEvents) { delivery.events.append(event) }
        }
        for index in delivery.events.indices.dropFirst()
        where delivery.events[index - 1].mayPass(delivery.events[index]) && strikes(rates.reorderedEvents) {
            delivery.events.swapAt(index - 1, index)
        }
        if !events.isEmpty, strikes(rates.endedWatches) { delivery.endsWatch = true }
        return delivery
    }
}

extension ModelEvent {
    /// Both are changes, of different objects.
    fileprivate func mayPass(_ other: ModelEvent) -> Bool {
        let changes: Set<Kind> = [.added, .modified, .deleted]
        return changes.contains(kind) && changes.contains(other.kind)
            && object.value(at: "metadata", "uid") != other.object.value(at: "metadata", "uid")
    }
}
