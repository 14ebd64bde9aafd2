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
    /// Where the object stands in the settings.
    private let place: [SettingsStep]

    init(_ decoder: any Decoder) throws {
        place = decoder.codingPath.map(SettingsStep.init)
        guard let container = try? decoder.container(keyedBy: Key.self) else {
            throw SourceSettings.Fault("each must be an object, such as {name: prometheus, kind: prometheus}")
        }
        self.container = container
    }

    private func fault(_ message: String, at field: String) -> SourceSettings.Fault {
        var fault = SourceSettings.Fault(message, at: field)
        fault.place = place
        return fault
    }

    func allow(_ known: [String], of what: String) throws {
        let unknown = container.allKeys.map(\.stringValue).filter { !known.contains($0) }.sorted()
        guard unknown.isEmpty else {
            throw fault(
                "unknown field \(unknown.joined(separator: ", ")); \(what) has \(known.joined(separator: ", "))",
                at: unknown[0])
        }
    }

    func text(_ name: String) throws -> String? {
        guard let key = present(name) else { return nil }
        guard let text = try? container.decode(String.self, forKey: key), !text.isEmpty else {
            throw fault("must be text", at: name)
        }
        return text
    }

    func requiredText(_ name: String, such example: String) throws -> String {
        guard let text = try text(name) else { throw fault("is missing; write for example \(example)", at: name) }
        return text
    }

    func texts(_ name: String) throws -> [String]? {
        guard let key = present(name) else { return nil }
        guard let texts = try? container.decode([String].self, forKey: key) else {
            throw fault("must be a list of text values", at: name)
        }
        return texts
    }

    func flag(_ name: String) throws -> Bool {
        guard let key = present(name) else { return false }
        guard let flag = try? container.decode(Bool.self, forKey: key) else {
            throw fault("must be true or false", at: name)
        }
        return flag
    }

    /// The time-out of one call.
    func timeout() throws -> Duration {
        guard let text = try text("timeout") else { return SourceAccess.defaultTimeout }
        guard let timeout = Duration(goText: text), Self.timeouts.contains(timeout) else {
            throw fault(
                "'\(text.prefix(40))' must be a duration from 100ms to 60s, such as 10s", at: "timeout")
        }
        return timeout
    }

    func object(_ name: String) throws -> SettingsFields? {
        guard let key = present(name) else { return nil }
        guard let nested = try? container.decode(Nested.self, forKey: key) else {
            throw fault("must be an object", at: name)
        }
        return nested.fields
    }

    func objects(_ name: String) throws -> [SettingsFields] {
        guard let key = present(name) else { return [] }
        guard let nested = try? container.decode([Nested].self, forKey: key) else {
            throw fault("must be a list of objects", at: name)
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
            throw SourceSettings.Fault(
                "clientCertificateFile and clientKeyFile: one needs the other",
                at: clientKeyFile == nil ? "clientCertificateFile" : "clientKeyFile")
        }
        guard caFile == nil || !insecureSkipTLSVerify else {
            throw SourceSettings.Fault(
                "caFile would be ignored; remove one of them", at: "insecureSkipTLSVerify")
        }
        guard address.isEncrypted || (caFile == nil && clientKeyFile == nil && !insecureSkipTLSVerify) else {
            throw SourceSettings.Fault("is http, but certificates need https", at: "url")
        }
    }
}
