/// How a registry wants to be told who asks: the value of `WWW-Authenticate`. Pure.
enum RegistryChallenge: Error, Hashable, Sendable {
    case basic
    /// A token of the server at `realm`, for `scope`.
    case bearer(realm: String, service: String?, scope: String?, error: String?)

    static let maximumParameters = 16

    /// The first challenge that mlctl can meet; nil if there is none.
    init?(_ values: [String]) {
        let challenges = values.compactMap { Self.read($0) }
        guard let first = challenges.first(where: { $0 != .basic }) ?? challenges.first else { return nil }
        self = first
    }

    private static func read(_ text: String) -> RegistryChallenge? {
        let scheme = text.prefix { $0 != " " }.lowercased()
        if scheme == "basic" { return .basic }
        guard scheme == "bearer", let fields = fields(text.dropFirst(6)), let realm = fields["realm"] else {
            return nil
        }
        return .bearer(realm: realm, service: fields["service"], scope: fields["scope"], error: fields["error"])
    }

    /// Parameters such as `realm="https://host/token",service="host"`.
    private static func fields(_ text: Substring) -> [String: String]? {
        var fields: [String: String] = [:]
        var rest = Array(text.utf8)[...]
        while true {
            rest = rest.drop { $0 == 0x20 || $0 == 0x09 || $0 == UInt8(ascii: ",") }
            if rest.isEmpty { return fields }
            let name = rest.prefix { $0 != UInt8(ascii: "=") }
            rest = rest.dropFirst(name.count).dropFirst()
            var value: [UInt8] = []
            if rest.first == UInt8(ascii: "\"") {
                rest = rest.dropFirst()
                while let byte = rest.first, byte != UInt8(ascii: "\"") {
                    rest = rest.dropFirst()
                    if byte == UInt8(ascii: "\\"), let next = rest.first {
                        value.append(next)
                        rest = rest.dropFirst()
                    } else {
                        value.append(byte)
                    }
                }
                guard rest.first == UInt8(ascii: "\"") else { return nil }
                rest = rest.dropFirst()
            } else {
                value = Array(rest.prefix { $0 != UInt8(ascii: ",") && $0 != 0x20 })
                rest = rest.dropFirst(value.count)
            }
            guard !name.isEmpty, fields.count < maximumParameters else { return nil }
            fields[String(decoding: name, as: UTF8.self).lowercased()] = String(decoding: value, as: UTF8.self)
        }
    }

    /// Whether the server at `realm` may be given the credentials of the registry: it is the registry's own, or one of the same
    /// domain, as `auth.docker.io` is for `registry-1.docker.io`.
    static func mayReceive(realm: WebLocation, of registry: WebLocation) -> Bool {
        if realm.server == registry.server { return realm.isEncrypted == registry.isEncrypted }
        guard realm.isEncrypted, registry.isEncrypted else { return false }
        let (one, other) = (domain(realm.server), domain(registry.server))
        return one != nil && one == other
    }

    /// The last two labels of a host's name; nil for an IP address or a name without a dot.
    private static func domain(_ server: String) -> String? {
        let labels = server.prefix { $0 != ":" }.split(separator: ".")
        guard labels.count >= 2, let last = labels.last, !last.allSatisfy(\.isNumber) else { return nil }
        return labels.suffix(2).joined(separator: ".")
    }
}
