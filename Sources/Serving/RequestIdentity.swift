import ModelManifests
import SafeText

/// The id that the data plane gives to every request: it names the revision that answered, says when, and cannot be made
/// up by those who do not have the key.
///
/// `REVISION-SSSSSSSSRRRRRRRR-MMMMMMMMMMMMMMMM`, all but the revision in hexadecimal: seconds since 1970, 32 random bits,
/// and SipHash-2-4 under the key of `NAMESPACE/NAME\n` and all that stands before the last dash.
public struct RequestIdentity: Hashable, Sendable {
    public var revision: Revision
    public var atSeconds: UInt32
    public var random: UInt32

    public init(revision: Revision, atSeconds: UInt32, random: UInt32) {
        self.revision = revision
        self.atSeconds = atSeconds
        self.random = random
    }

    public func text(of deployment: DeploymentKey, key: RequestIdentityKey) -> String {
        let body =
            "\(revision.rawValue)-\(Hex.text(UInt64(atSeconds), digits: 8))\(Hex.text(UInt64(random), digits: 8))"
        return "\(body)-\(Hex.text(key.sipHash.hash("\(deployment)\n\(body)"), digits: 16))"
    }

    /// - Returns: nil for what was not given out for this deployment under this key.
    public init?(_ text: String, of deployment: DeploymentKey, key: RequestIdentityKey) {
        guard let said = RequestIdentity(unverified: text) else { return nil }
        self = said
        guard self.text(of: deployment, key: key) == text else { return nil }
    }

    /// What it says of itself, true or not: to find the deployment that it could be of.
    public init?(unverified text: String) {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count >= 3, parts[parts.count - 1].utf8.count == 16, parts[parts.count - 2].utf8.count == 16,
            let middle = UInt64(parts[parts.count - 2], radix: 16)
        else { return nil }
        let revision = parts.dropLast(2).joined(separator: "-")
        guard !revision.isEmpty else { return nil }
        self.init(
            revision: Revision(rawValue: revision), atSeconds: UInt32(middle >> 32),
            random: UInt32(truncatingIfNeeded: middle))
    }
}

/// The secret of one state folder (or namespace): 16 random bytes.
public struct RequestIdentityKey: Hashable, Sendable {
    public let sipHash: SipHash
    public static let byteCount = 16
    /// Of the file in the proxy's folder, beside its routes, that holds the bytes and nothing else.
    public static let fileName = "request-id-key"

    /// - Returns: nil for other than 16 bytes.
    public init?(_ bytes: [UInt8]) {
        guard bytes.count == Self.byteCount else { return nil }
        func word(_ bytes: ArraySlice<UInt8>) -> UInt64 { bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) } }
        self.init(low: word(bytes[0..<8]), high: word(bytes[8..<16]))
    }

    /// - Parameters:
    ///   - low: the first eight bytes, the lowest first.
    ///   - high: the others.
    public init(low: UInt64, high: UInt64) { sipHash = SipHash(keyLow: low, keyHigh: high) }
}
