/// `endpoint.tls`: the files with which the proxy of one machine serves TLS. The proxy reads them again when they change.
package struct EndpointTLS: Hashable, Codable, Sendable {
    package enum Version: String, CaseIterable, Codable, Sendable {
        case tls12 = "1.2"
        case tls13 = "1.3"
    }

    /// PEM: the server's certificate first, then the intermediate certificates.
    package var certificateFile: String
    package var keyFile: String
    /// PEM of the authorities that client certificates must come from; nil accepts all clients.
    package var clientCAFile: String?
    package var minimumVersion: Version

    package init(
        certificateFile: String, keyFile: String, clientCAFile: String? = nil, minimumVersion: Version = .tls12
    ) {
        self.certificateFile = certificateFile
        self.keyFile = keyFile
        self.clientCAFile = clientCAFile
        self.minimumVersion = minimumVersion
    }

    /// Its files, by the fields that name them.
    package var files: [(field: String, path: String)] {
        [("certificateFile", certificateFile), ("keyFile", keyFile)]
            + (clientCAFile.map { [("clientCAFile", $0)] } ?? [])
    }
}

/// The IP addresses that an endpoint may listen on. Pure: nothing is resolved.
package enum EndpointAddress {
    /// Whether only programs of this machine reach it.
    package static func isLoopback(_ address: String) -> Bool {
        if let bytes = ipv4(address) { return bytes[0] == 127 }
        return address == "::1"
    }

    /// Four decimal numbers without leading zeros; nil where it is none.
    static func ipv4(_ text: String) -> [UInt8]? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        let bytes = parts.compactMap { part -> UInt8? in
            guard part.utf8.allSatisfy({ (0x30...0x39).contains($0) }), part == "0" || !part.hasPrefix("0") else {
                return nil
            }
            return UInt8(part)
        }
        return bytes.count == 4 ? bytes : nil
    }

    /// Groups of up to four lower-case hex digits, at most one `::`, no zone.
    static func isIPv6(_ text: String) -> Bool {
        let halves = text.split(separator: "::", omittingEmptySubsequences: false)
        guard text.contains(":"), halves.count <= 2, !text.contains(":::") else { return false }
        let groups = halves.map { half in
            half.isEmpty ? [] : half.split(separator: ":", omittingEmptySubsequences: false)
        }
        let areHex = groups.joined().allSatisfy { group in
            (1...4).contains(group.utf8.count)
                && group.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
        }
        let count = groups.joined().count
        return areHex && (halves.count == 2 ? count <= 7 : count == 8)
    }

    package static func isValid(_ text: String) -> Bool { ipv4(text) != nil || isIPv6(text) }

    /// The host of the URL at which a program of this machine reaches it.
    package static func urlHost(_ address: String?) -> String {
        switch address {
        case nil, "0.0.0.0": "127.0.0.1"
        case "::": "[::1]"
        case .some(let address): address.contains(":") ? "[\(address)]" : address
        }
    }
}

extension Endpoint {
    /// The URL of a port of this machine at which the service, or a preview of it, answers.
    package func localURL(port: Int, isPreview: Bool = false) -> String {
        "\(tls == nil ? "http" : "https")://\(EndpointAddress.urlHost(isPreview ? nil : address)):\(port)"
    }

    /// Other machines can reach it.
    var leavesLoopback: Bool { address.map { !EndpointAddress.isLoopback($0) } ?? false }
}
