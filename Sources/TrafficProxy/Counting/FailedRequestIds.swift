/// The IDs of the last failed requests, newest last.
struct FailedRequestIds: Hashable, Sendable {
    private let capacity: Int
    private var ids: [String] = []
    /// The index of the oldest ID, which the next one replaces once the ring is full.
    private var next = 0

    init(capacity: Int) { self.capacity = capacity }

    mutating func append(_ id: String) {
        if ids.count < capacity {
            ids.append(id)
        } else if capacity > 0 {
            ids[next] = id
            next = (next + 1) % capacity
        }
    }

    var newestLast: [String] { Array(ids[next...] + ids[..<next]) }
}
