/// Seats for those who follow events: so many for each caller, and so many in all. Pure.
struct EventSeats: Equatable {
    let ofCaller: Int
    let ofAll: Int
    private var taken: [String: Int] = [:]
    private var takenCount = 0

    init(ofCaller: Int, ofAll: Int) {
        self.ofCaller = ofCaller
        self.ofAll = ofAll
    }

    /// - Returns: why there is none; nil: it is taken.
    mutating func take(_ caller: String) -> String? {
        let own = taken[caller, default: 0]
        guard own < ofCaller else { return "\(own) readers of '\(caller)' follow the events already" }
        guard takenCount < ofAll else { return "\(takenCount) readers follow the events already" }
        taken[caller] = own + 1
        takenCount += 1
        return nil
    }

    mutating func leave(_ caller: String) {
        guard let own = taken[caller] else { return }
        taken[caller] = own > 1 ? own - 1 : nil
        takenCount -= 1
    }
}
