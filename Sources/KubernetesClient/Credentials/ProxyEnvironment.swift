import Foundation
import NIOCore

/// Finds the proxy for a server in the environment, as kubectl and curl do: `HTTPS_PROXY` (for `http://`: `HTTP_PROXY`),
/// unless `NO_PROXY` lists the server. A lower-case variable counts if the upper-case one is not set. Pure.
///
/// # Caveats
/// - This machine itself is never reached through a proxy.
/// - `NO_PROXY` holds names (`example.com` and everything below it, `.example.com` only what is below it), addresses, networks
///   (`10.0.0.0/8`) and `*`. A name or address may have a port, and then matches that port alone. Names are not resolved.
struct ProxyEnvironment: Sendable {
    /// The proxy's address, and the variable that holds it.
    struct Setting: Hashable, Sendable {
        var url: String
        var variable: String
    }

    private let environment: [String: String]

    init(_ environment: [String: String]) { self.environment = environment }

    /// - Returns: nil if the server is reached directly.
    func setting(for server: String) -> Setting? {
        guard let components = URLComponents(string: server), let scheme = components.scheme?.lowercased(),
            let written = components.host
        else { return nil }
        let host = written.trimmingCharacters(in: CharacterSet(charactersIn: "[]")).lowercased()
        let port = components.port ?? (scheme == "https" ? 443 : 80)
        guard let found = value(scheme == "https" ? "HTTPS_PROXY" : "HTTP_PROXY"),
            !isExcepted(host, port: port)
        else { return nil }
        // As in curl: without a scheme it is an HTTP proxy.
        return Setting(url: found.text.contains("://") ? found.text : "http://\(found.text)", variable: found.name)
    }

    private func value(_ name: String) -> (name: String, text: String)? {
        for name in [name, name.lowercased()] {
            if let text = environment[name]?.trimmingCharacters(in: .whitespaces), !text.isEmpty { return (name, text) }
        }
        return nil
    }

    private func isExcepted(_ host: String, port: Int) -> Bool {
        let address = try? SocketAddress(ipAddress: host, port: 0)
        if host == "localhost" || host.hasSuffix(".localhost") || address?.isLoopback == true { return true }
        let entries = value("NO_PROXY")?.text.lowercased().split(separator: ",") ?? []
        return entries.contains { entry in
            Self.matches(entry.trimmingCharacters(in: .whitespaces), host, address, port: port)
        }
    }

    private static func matches(_ entry: String, _ host: String, _ address: SocketAddress?, port: Int) -> Bool {
        if entry == "*" { return true }
        if entry.contains("/") { return address.map { IPNetwork(entry)?.contains($0) ?? false } ?? false }
        let (name, only) = parted(entry)
        if let only, only != port { return false }
        guard !name.isEmpty else { return false }
        if let address {
            return (try? SocketAddress(ipAddress: name, port: 0)).map { $0 == address } ?? false
        }
        if name.hasPrefix("*.") { return host.hasSuffix(name.dropFirst()) }
        if name.hasPrefix(".") { return host.hasSuffix(name) }
        return host == name || host.hasSuffix("." + name)
    }

    /// Splits `host:port`, `[::1]:port`, or either without a port. An IPv6 address without a port needs no brackets.
    private static func parted(_ entry: String) -> (name: String, port: Int?) {
        let colons = entry.count { $0 == ":" }
        if entry.hasPrefix("["), let end = entry.firstIndex(of: "]") {
            let name = String(entry[entry.index(after: entry.startIndex)..<end])
            return (name, Int(entry[end...].dropFirst(2)))
        }
        guard colons == 1, let colon = entry.firstIndex(of: ":") else { return (entry, nil) }
        return (String(entry[..<colon]), Int(entry[colon...].dropFirst()))
    }
}

/// The addresses with the same first bits: `10.0.0.0/8`, `fd00::/8`.
private struct IPNetwork {
    private let bytes: [UInt8]
    private let bits: Int

    init?(_ text: String) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, let bits = Int(parts[1]),
            let bytes = (try? SocketAddress(ipAddress: String(parts[0]), port: 0))?.addressBytes,
            (0...bytes.count * 8).contains(bits)
        else { return nil }
        self.bytes = bytes
        self.bits = bits
    }

    func contains(_ address: SocketAddress) -> Bool {
        guard let other = address.addressBytes, other.count == bytes.count else { return false }
        return (0..<bits).allSatisfy { bit in
            let mask = UInt8(0x80) >> UInt8(bit % 8)
            return bytes[bit / 8] & mask == other[bit / 8] & mask
        }
    }
}

extension SocketAddress {
    /// In network byte order; nil for a Unix socket.
    fileprivate var addressBytes: [UInt8]? {
        switch self {
        case .v4(let address): withUnsafeBytes(of: address.address.sin_addr) { Array($0) }
        case .v6(let address): withUnsafeBytes(of: address.address.sin6_addr) { Array($0) }
        case .unixDomainSocket: nil
        }
    }

    fileprivate var isLoopback: Bool {
        guard let bytes = addressBytes else { return false }
        return bytes.count == 4 ? bytes[0] == 127 : bytes.dropLast().allSatisfy { $0 == 0 } && bytes.last == 1
    }
}
