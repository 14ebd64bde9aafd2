import ModelManifests

/// The fields of one object in the settings file. Errors say which value would be right.
struct SettingsFields {
    private struct Key: CodingKey {
        var stringValue: String
        var intValue: Int? { nil }

        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    /// A nested object.
    private struct Nested: Decodable {
        var fields: SettingsFields

        init(from decoder: any Decoder) throws { fields = try SettingsFields(decoder) }
    }

    static let timeouts: ClosedRange<Duration> = .milliseconds(100) ... .seconds(60)

    private let container: KeyedDecodingContainer<Key>

    init(_ decoder: any Decoder) throws {
        guard let container = try? decoder.container(keyedBy: Key.self) else {
            throw SourceSettings.Fault("sources: each must be an object, such as {name: prometheus, kind: prometheus}")
        }
        self.container = container
    }

    func allow(_ known: [String], of what: String) throws {
        let unknown = container.allKeys.map(\.stringValue).filter { !known.contains($0) }.sorted()
        guard unknown.isEmpty else {
            throw SourceSettings.Fault(
                "unknown field \(unknown.joined(separator: ", ")); \(what) has \(known.joined(separator: ", "))")
        }
    }

    func text(_ name: String) throws -> String? {
        guard let key = present(name) else { return nil }
        guard let text = try? container.decode(String.self, forKey: key), !text.isEmpty else {
            throw SourceSettings.Fault("\(name): must be text")
        }
        return text
    }

    func requiredText(_ name: String, such example: String) throws -> String {
        guard let text = try text(name) else {
            throw SourceSettings.Fault("\(name): is missing; write for example \(example)")
        }
        return text
    }

    func texts(_ name: String) throws -> [String]? {
        guard let key = present(name) else { return nil }
        guard let texts = try? container.decode([String].self, forKey: key) else {
            throw SourceSettings.Fault("\(name): must be a list of text values")
        }
        return texts
    }

    func flag(_ name: String) throws -> Bool {
        guard let key = present(name) else { return false }
        guard let flag = try? container.decode(Bool.self, forKey: key) else {
            throw SourceSettings.Fault("\(name): must be true or false")
        }
        return flag
    }

    /// The time-out of one call.
    func timeout() throws -> Duration {
        guard let text = try text("timeout") else { return SourceAccess.defaultTimeout }
        guard let timeout = Duration(goText: text), Self.timeouts.contains(timeout) else {
            throw SourceSettings.Fault(
                "timeout: '\(text.prefix(40))' must be a duration from 100ms to 60s, such as 10s")
        }
        return timeout
    }

    func object(_ name: String) throws -> SettingsFields? {
        guard let key = present(name) else { return nil }
        guard let nested = try? container.decode(Nested.self, forKey: key) else {
            throw SourceSettings.Fault("\(name): must be an object")
        }
        return nested.fields
    }

    func objects(_ name: String) throws -> [SettingsFields] {
        guard let key = present(name) else { return [] }
        guard let nested = try? container.decode([Nested].self, forKey: key) else {
            throw SourceSettings.Fault("\(name): must be a list of objects")
        }
        return nested.map(\.fields)
    }

    /// A field that is written without a value counts as absent.
    private func present(_ name: String) -> Key? {
        let key = Key(stringValue: name)
        return container.contains(key) && (try? container.decodeNil(forKey: key)) == false ? key : nil
    }
}

extension SourceAccess {
    static let certificateKeys = ["caFile", "clientCertificateFile", "clientKeyFile", "insecureSkipTLSVerify"]

    /// Reads certificates and time-out.
    init(_ fields: SettingsFields, of address: SourceAddress) throws {
        self.init(
            caFile: try fields.text("caFile"), clientCertificateFile: try fields.text("clientCertificateFile"),
            clientKeyFile: try fields.text("clientKeyFile"),
            insecureSkipTLSVerify: try fields.flag("insecureSkipTLSVerify"), timeout: try fields.timeout())
        guard (clientCertificateFile == nil) == (clientKeyFile == nil) else {
            throw SourceSettings.Fault("clientCertificateFile and clientKeyFile: one needs the other")
        }
        guard caFile == nil || !insecureSkipTLSVerify else {
            throw SourceSettings.Fault("insecureSkipTLSVerify: caFile would be ignored; remove one of them")
        }
        guard address.isEncrypted || (caFile == nil && clientKeyFile == nil && !insecureSkipTLSVerify) else {
            throw SourceSettings.Fault("url: is http, but certificates need https")
        }
    }
}
