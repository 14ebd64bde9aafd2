import Foundation
import ModelManifests

/// One source in the controller's settings file; `controller/mlctl.yaml` explains each field.
public struct SourceSettings: Hashable, Sendable, Decodable {
    /// Why the settings are invalid, and what would be valid.
    public struct Fault: Error, Hashable, Sendable, CustomStringConvertible {
        public var message: String

        init(_ message: String) { self.message = message }

        public var description: String { message }
    }

    public enum Kind: Hashable, Sendable {
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
    public static let sourceLimit = 100

    /// The name that gates use for it.
    public var name: String
    public var kind: Kind

    public init(name: String, kind: Kind) {
        self.name = name
        self.kind = kind
    }

    /// - Throws: `Fault` that names the source.
    public init(from decoder: any Decoder) throws {
        let fields = try SettingsFields(decoder)
        name = try fields.requiredText("name", such: "prometheus")
        guard Self.isName(name) else {
            throw Fault("name: '\(name.prefix(80))' must be letters, digits, '-', '_' and '.', at most 63")
        }
        guard !MetricSourceName.builtIn.contains(name) else {
            throw Fault("source '\(name)' is built in: choose another name")
        }
        do {
            let kindName = try fields.requiredText("kind", such: Self.kinds.joined(separator: ", "))
            switch kindName {
            case "prometheus": kind = .prometheus(try PrometheusSettings(fields))
            case "web": kind = .web(try WebSettings(fields))
            case "command": kind = .command(try CommandSettings(fields))
            default:
                throw Fault("kind: '\(kindName)' is unknown; use one of \(Self.kinds.joined(separator: ", "))")
            }
        } catch let fault as Fault {
            throw Fault("source '\(name)': \(fault.message)")
        }
    }

    /// - Throws: `Fault` if two sources have the same name, or there are too many.
    public static func check(_ sources: [SourceSettings]) throws {
        guard sources.count <= sourceLimit else { throw Fault("\(sources.count) sources: at most \(sourceLimit)") }
        let names = sources.map(\.name)
        if let twice = names.first(where: { name in names.count { $0 == name } > 1 }) {
            throw Fault("source '\(twice)' is defined twice: names must differ")
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

public struct PrometheusSettings: Hashable, Sendable {
    var address: SourceAddress
    var access: SourceAccess

    static let keys =
        ["name", "kind", "url", "bearerTokenFile", "basicAuth", "timeout"] + SourceAccess.certificateKeys

    init(_ fields: SettingsFields) throws {
        try fields.allow(Self.keys, of: "prometheus")
        let url = try fields.requiredText("url", such: "http://127.0.0.1:9090")
        guard !url.contains("?"), !url.contains("{{") else {
            throw SourceSettings.Fault("url: must be only the server's address, without a query or placeholders")
        }
        address = try SourceAddress(url)
        access = try SourceAccess(fields, of: address)
        access.credentials = try Self.credentials(fields)
        if access.credentials != .none, !address.isEncrypted, !address.isLoopback {
            throw SourceSettings.Fault("url: must be https, because credentials would be sent unencrypted")
        }
    }

    private static func credentials(_ fields: SettingsFields) throws -> SourceAccess.Credentials {
        let token = try fields.text("bearerTokenFile")
        guard let basic = try fields.object("basicAuth") else { return token.map { .bearerToken(file: $0) } ?? .none }
        guard token == nil else {
            throw SourceSettings.Fault("bearerTokenFile and basicAuth: only one of them can be sent")
        }
        try basic.allow(["username", "passwordFile"], of: "basicAuth")
        let username = try basic.requiredText("username", such: "mlctl")
        guard !username.contains(":") else { throw SourceSettings.Fault("basicAuth.username: must not contain ':'") }
        return .basic(
            username: username, passwordFile: try basic.requiredText("passwordFile", such: "/etc/mlctl/password"))
    }
}

/// A program of the operator that answers queries.
public struct CommandSettings: Hashable, Sendable {
    /// It runs without a shell.
    public var command: [String]
    public var timeout: Duration

    init(_ fields: SettingsFields) throws {
        try fields.allow(["name", "kind", "command", "timeout"], of: "command")
        command = try fields.texts("command") ?? []
        guard command.first?.isEmpty == false else {
            throw SourceSettings.Fault("command: must name a program, such as [/usr/local/bin/probe, --json]")
        }
        timeout = try fields.timeout()
    }
}
