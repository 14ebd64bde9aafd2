import SafeText

/// A request's ids: the one that was given out here, as `RequestIdentity` writes it, and the client's own where it is
/// sane.
struct RequestId: Hashable, Sendable {
    static let bytesMax = 128

    /// The client's own; empty where it gave none that is sane.
    private(set) var given: [UInt8] = []
    /// Seconds and random bits of ours.
    private(set) var word: UInt64 = 0
    /// What proves ours.
    private(set) var proof: UInt64 = 0

    var isGiven: Bool { !given.isEmpty }

    mutating func forgetGiven() { given.removeAll(keepingCapacity: true) }

    /// False where the bytes are no sane id.
    mutating func take(_ bytes: UnsafePointer<UInt8>, _ range: Range<Int>) -> Bool {
        guard !range.isEmpty, range.count <= Self.bytesMax, range.allSatisfy({ bytes[$0].isRequestId }) else {
            return false
        }
        given.removeAll(keepingCapacity: true)
        given.append(contentsOf: UnsafeBufferPointer(start: bytes + range.lowerBound, count: range.count))
        return true
    }

    @inline(__always)
    mutating func mint(_ mint: RequestMint, word: UInt64) {
        self.word = word
        proof = mint.proof(of: word)
    }

    /// Ours, as `x-mlctl-request-id` says it.
    func minted(revision: String) -> String {
        "\(revision)-\(Hex.text(word, digits: 16))-\(Hex.text(proof, digits: 16))"
    }

    /// As `x-request-id` says it: the client's own, else ours.
    func text(revision: String) -> String {
        isGiven ? String(decoding: given, as: UTF8.self) : minted(revision: revision)
    }
}

extension UInt8 {
    /// What a request id may hold: it goes into logs, reports and headers as it is.
    @inline(__always)
    var isRequestId: Bool {
        switch self {
        case 0x30...0x39, 0x41...0x5a, 0x61...0x7a: true
        case 0x2b, 0x2d, 0x2e, 0x2f, 0x3a, 0x3d, 0x40, 0x5f: true  // + - . / : = @ _
        default: false
        }
    }
}
