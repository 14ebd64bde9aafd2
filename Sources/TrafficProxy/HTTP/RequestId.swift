/// A request's id: the client's own where it is sane, else the revision and sixteen random digits.
struct RequestId: Hashable, Sendable {
    static let bytesMax = 128

    /// Empty where the id was made here.
    private(set) var given: [UInt8] = []
    private(set) var made: UInt64 = 0

    var isGiven: Bool { !given.isEmpty }
    /// A bound of what it takes beside its prefix.
    var byteCount: Int { isGiven ? given.count : 16 }

    mutating func make(_ random: UInt64) {
        given.removeAll(keepingCapacity: true)
        made = random
    }

    /// False where the bytes are no sane id.
    mutating func take(_ bytes: UnsafePointer<UInt8>, _ range: Range<Int>) -> Bool {
        guard !range.isEmpty, range.count <= Self.bytesMax, range.allSatisfy({ bytes[$0].isRequestId }) else {
            return false
        }
        given.removeAll(keepingCapacity: true)
        given.append(contentsOf: UnsafeBufferPointer(start: bytes + range.lowerBound, count: range.count))
        return true
    }

    func text(revision: String) -> String {
        if isGiven { return String(decoding: given, as: UTF8.self) }
        let digits = String(made, radix: 16)
        return revision + "-" + String(repeating: "0", count: 16 - digits.count) + digits
    }
}
