import Foundation

/// Faults between a client and the model, by request or by seed. They cover the three ways in which controllers break (Sieve,
/// OSDI 2022): interrupted, stale, missed.
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
        /// A list as it was this many revisions ago, as a lagging server answers it.
        case stale(revisions: Int)
        /// 401: the credentials have expired.
        case unauthorized
    }

    /// Probabilities in 0...1. Events are those of watches.
    package struct Rates: Sendable {
        package var lostBefore = 0.0
        package var lostAfter = 0.0
        package var tooManyRequests = 0.0
        package var unavailable = 0.0
        /// For lists that accept whatever the server has in memory (`resourceVersion=0`).
        package var staleLists = 0.0
        /// Events wait until the next change.
        package var lag = 0.0
        package var repeatedEvents = 0.0
        /// Two events of one delivery change places if they are about different objects.
        package var reorderedEvents = 0.0
        /// An event is lost together with its watch; a client that resumes gets it.
        package var lostEvents = 0.0
        /// An event is left out and the watch continues. No correct server does this.
        package var droppedEvents = 0.0
        package var endedWatches = 0.0

        package init() {}
    }

    /// Faults by the number of the request; the first is 1.
    package var requests: [Int: Fault] = [:]
    package var rates: Rates
    /// How many faults are drawn at most. After that everything works, so that a run can reach its end.
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

    /// The fault of a request, if any.
    /// - Parameter takesWhatIsCached: whether it is a list with `resourceVersion=0`.
    mutating func fault(ofRequest number: Int, takesWhatIsCached: Bool) -> Fault? {
        if let fault = requests[number] { return fault }
        if strikes(rates.lostBefore) { return .lostBefore }
        if strikes(rates.lostAfter) { return .lostAfter }
        if strikes(rates.tooManyRequests) { return .tooManyRequests(retryAfterSeconds: 1) }
        if strikes(rates.unavailable) { return .unavailable }
        if takesWhatIsCached, strikes(rates.staleLists) { return .stale(revisions: 1 + Int(draws.uniform() * 20)) }
        return nil
    }

    /// Draws a fault, and takes it from the budget.
    private mutating func strikes(_ rate: Double) -> Bool {
        guard rate > 0, budget > 0, draws.uniform() < rate else { return false }
        budget -= 1
        return true
    }

    /// What happens to events on their way.
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
    /// Whether both are changes of different objects.
    fileprivate func mayPass(_ other: ModelEvent) -> Bool {
        let changes: Set<Kind> = [.added, .modified, .deleted]
        return changes.contains(kind) && changes.contains(other.kind)
            && object.value(at: "metadata", "uid") != other.object.value(at: "metadata", "uid")
    }
}
