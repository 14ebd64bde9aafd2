import ModelManifests
import SafeText

/// The id that the data plane gives to every request. It names the revision that answered and the time, and only those
/// who have the key can create a valid one.
///
/// `REVISION-SSSSSSSSRRRRRRRR-MMMMMMMMMMMMMMMM`, all but the revision in hexadecimal: seconds since 1970, 32 random
/// bits, and SipHash-2-4 under the key over `NAMESPACE/NAME\n` and the text before the last dash.
package struct RequestIdentity: Hashable, Sendable {
    package var revision: Revision
    package var atSeconds: UInt32
    package var random: UInt32

    package init(revision: Revision, atSeconds: UInt32, random: UInt32) {
        self.revision = revision
        self.atSeconds = atSeconds
        self.random = random
    }

    package func text(of deployment: DeploymentKey, key: RequestIdentityKey) -> String {
        let body =
            "\(revision.rawValue)-\(Hex.text(UInt64(atSeconds), digits: 8))\(Hex.text(UInt64(random), digits: 8))"
        return "\(body)-\(Hex.text(key.sipHash.hash("\(deployment)\n\(body)"), digits: 16))"
    }

    /// - Returns: nil if the id was not issued for this deployment under this key.
    package init?(_ text: String, of deployment: DeploymentKey, key: RequestIdentityKey) {
        guard let said = RequestIdentity(unverified: text) else { return nil }
        self = said
        guard self.text(of: deployment, key: key) == text else { return nil }
    }

    /// Reads the id without checking its hash, to find the deployment that it may belong to.
    package init?(unverified text: String) {
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

/// The key of one state folder or namespace: 16 random bytes.
package struct RequestIdentityKey: Hashable, Sendable {
    package let sipHash: SipHash
    package static let byteCount = 16
    /// The name of the file beside the proxy's routes that holds exactly these bytes.
    package static let fileName = "request-id-key"

    /// - Returns: nil unless there are 16 bytes.
    package init?(_ bytes: [UInt8]) {
        guard bytes.count == Self.byteCount else { return nil }
        func word(_ bytes: ArraySlice<UInt8>) -> UInt64 { bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) } }
        self.init(low: word(bytes[0..<8]), high: word(bytes[8..<16]))
    }

    /// - Parameters:
    ///   - low: the first eight bytes, little-endian.
    ///   - high: the last eight bytes, little-endian.
    package init(low: UInt64, high: UInt64) { sipHash = SipHash(keyLow: low, keyHigh: high) }
}
