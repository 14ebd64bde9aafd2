/// Limits how many clients follow events: per caller and in total. Pure.
struct EventSeats: Equatable {
    let ofCaller: Int
    let ofAll: Int
    private var taken: [String: Int] = [:]
    private var takenCount = 0

    init(ofCaller: Int, ofAll: Int) {
        self.ofCaller = ofCaller
        self.ofAll = ofAll
    }

    /// - Returns: why there is no room; nil if a seat was taken.
    mutating func take(_ caller: String) -> String? {
        let own = taken[caller, default: 0]
        guard own < ofCaller else { return "'\(caller)' already has \(own) event streams" }
        guard takenCount < ofAll else { return "there are already \(takenCount) event streams" }
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
