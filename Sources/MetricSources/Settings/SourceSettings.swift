import Foundation
import ModelManifests

/// One source in the controller's settings file; `controller/mlctl.yaml` explains each field.
package struct SourceSettings: Hashable, Sendable, Decodable {
    /// Why the settings are invalid, and what would be valid.
    package struct Fault: Error, Hashable, Sendable, CustomStringConvertible {
        package var message: String
        /// Of the source, with a dot where it is a field of a field; nil: the source itself.
        package var field: String?
        /// The source's name, once that is known.
        package var source: String?
        /// Where the source, or the object that has the field, stands in the settings.
        var place: [SettingsStep] = []

        init(_ message: String, at field: String? = nil) {
            self.message = message
            self.field = field
        }

        package var description: String {
            (source.map { "source '\($0)': " } ?? "") + (field.map { "\($0): " } ?? "") + message
        }

        package var fault: SettingsFault {
            let fields = field?.split(separator: ".").map { SettingsStep.field(String($0)) } ?? []
            return SettingsFault(at: place + fields, (source.map { "source '\($0)': " } ?? "") + message)
        }
    }

    package enum Kind: Hashable, Sendable {
        case prometheus(PrometheusSettings)
        case web(WebSettings)
        case command(CommandSettings)

        /// The time-out of one query.
        var timeout: Duration {
            switch self {
            case .prometheus(let settings): settings.access.timeout
            case .web(let settings): settings.access.timeout
            case .command(let settings): settings.timeout
            }
        }
    }

    static let kinds = ["prometheus", "web", "command"]
    /// Plenty for a settings file that people write by hand.
    package static let sourceLimit = 100

    /// The name that gates use for it.
    package var name: String
    package var kind: Kind

    package init(name: String, kind: Kind) {
        self.name = name
        self.kind = kind
    }

    /// - Throws: `Fault` that names the source.
    package init(from decoder: any Decoder) throws {
        do {
            try self.init(SettingsFields(decoder))
        } catch var fault as Fault {
            if fault.place.isEmpty { fault.place = decoder.codingPath.map(SettingsStep.init) }
            throw fault
        }
    }

    private init(_ fields: SettingsFields) throws {
        name = try fields.requiredText("name", such: "prometheus")
        guard Self.isName(name) else {
            throw Fault("'\(name.prefix(80))' must be letters, digits, '-', '_' and '.', at most 63", at: "name")
        }
        guard !MetricSourceName.builtIn.contains(name) else {
            throw Fault("source '\(name)' is built in: choose another name", at: "name")
        }
        do {
            let kindName = try fields.requiredText("kind", such: Self.kinds.joined(separator: ", "))
            switch kindName {
            case "prometheus": kind = .prometheus(try PrometheusSettings(fields))
            case "web": kind = .web(try WebSettings(fields))
            case "command": kind = .command(try CommandSettings(fields))
            default:
                throw Fault("'\(kindName)' is unknown; use one of \(Self.kinds.joined(separator: ", "))", at: "kind")
            }
        } catch var fault as Fault {
            fault.source = name
            throw fault
        }
    }

    /// - Throws: `Fault` if two sources have the same name, or there are too many.
    package static func check(_ sources: [SourceSettings]) throws {
        func fault(_ message: String, at place: [SettingsStep]) -> Fault {
            var fault = Fault(message)
            fault.place = [.field("sources")] + place
            return fault
        }
        guard sources.count <= sourceLimit else {
            throw fault("there are \(sources.count), and at most \(sourceLimit) are possible", at: [])
        }
        var names: Set<String> = []
        for (index, source) in sources.enumerated() where !names.insert(source.name).inserted {
            throw fault(
                "source '\(source.name)' is defined twice: names must differ", at: [.index(index), .field("name")])
        }
    }

    /// The rule for source names in manifests.
    private static func isName(_ text: String) -> Bool {
        let isPlain = text.utf8.allSatisfy { byte in
            isLetterOrDigit(byte) || [UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: ".")].contains(byte)
        }
        guard let first = text.utf8.first, let last = text.utf8.last else { return false }
        return isPlain && text.utf8.count <= 63 && isLetterOrDigit(first) && isLetterOrDigit(last)
    }

    private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: false
        }
    }
}

package struct PrometheusSettings: Hashable, Sendable {
    var address: SourceAddress
    var access: SourceAccess

    static let keys =
        ["name", "kind", "url", "bearerTokenFile", "basicAuth", "timeout"] + SourceAccess.certificateKeys

    init(_ fields: SettingsFields) throws {
        try fields.allow(Self.keys, of: "prometheus")
        let url = try fields.requiredText("url", such: "http://127.0.0.1:9090")
        guard !url.contains("?"), !url.contains("{{") else {
            throw SourceSettings.Fault("must be only the server's address, without a query or placeholders", at: "url")
        }
        address = try SourceAddress(url, credentialAdvice: "write bearerTokenFile, or basicAuth with a passwordFile")
        access = try SourceAccess(fields, of: address)
        access.credentials = try Self.credentials(fields)
        if access.credentials != .none, !address.isEncrypted, !address.isLoopback {
            throw SourceSettings.Fault("must be https, because credentials would be sent unencrypted", at: "url")
        }
    }

    private static func credentials(_ fields: SettingsFields) throws -> SourceAccess.Credentials {
        let token = try fields.text("bearerTokenFile")
        guard let basic = try fields.object("basicAuth") else { return token.map { .bearerToken(file: $0) } ?? .none }
        guard token == nil else {
            throw SourceSettings.Fault("is there beside bearerTokenFile: only one of them can be sent", at: "basicAuth")
        }
        try basic.allow(["username", "passwordFile"], of: "basicAuth")
        let username = try basic.requiredText("username", such: "mlctl")
        guard !username.contains(":") else {
            throw SourceSettings.Fault("must not contain ':'", at: "basicAuth.username")
        }
        return .basic(
            username: username, passwordFile: try basic.requiredText("passwordFile", such: "/etc/mlctl/password"))
    }
}

/// A program of the operator that answers queries.
package struct CommandSettings: Hashable, Sendable {
    /// It runs without a shell.
    package var command: [String]
    package var timeout: Duration

    init(_ fields: SettingsFields) throws {
        try fields.allow(["name", "kind", "command", "timeout"], of: "command")
        command = try fields.texts("command") ?? []
        guard command.first?.isEmpty == false else {
            throw SourceSettings.Fault("must name a program, such as [/usr/local/bin/probe, --json]", at: "command")
        }
        timeout = try fields.timeout()
    }
}
