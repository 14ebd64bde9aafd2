import SafeText

/// The IDs of a request: the minted one, in the format of `RequestIdentity`, and the client's own if it is valid.
struct RequestId: Hashable, Sendable {
    static let bytesMax = 128

    /// The client's own ID. Empty if it sent none that is valid.
    private(set) var given: [UInt8] = []
    /// Seconds and random bits of the minted ID.
    private(set) var word: UInt64 = 0
    /// The signature of the minted ID.
    private(set) var proof: UInt64 = 0

    var isGiven: Bool { !given.isEmpty }

    mutating func forgetGiven() { given.removeAll(keepingCapacity: true) }

    /// False if the bytes are not a valid ID.
    mutating func take(_ bytes: UnsafePointer<UInt8>, _ range: Range<Int>) -> Bool {
        guard !range.isEmpty, range.count <= Self.bytesMax, range.allSatisfy({ bytes[$0].isRequestId }) else {
            return false
        }
        given.removeAll(keepingCapacity: true)
        given.append(contentsOf: UnsafeBufferPointer(start: bytes + range.lowerBound, count: range.count))
        return true
    }

    @inline(__always)
    mutating func mint(_ mint: RequestIdSigner, word: UInt64) {
        self.word = word
        proof = mint.proof(of: word)
    }

    /// The minted ID, as in `x-mlctl-request-id`.
    func minted(revision: String) -> String {
        "\(revision)-\(Hex.text(word, digits: 16))-\(Hex.text(proof, digits: 16))"
    }

    /// The ID as in `x-request-id`: the client's own, or else the minted one.
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
