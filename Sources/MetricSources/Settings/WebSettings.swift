/// A JSON endpoint of the operator's own.
public struct WebSettings: Hashable, Sendable {
    /// A header whose value is in a file, or in the controller's environment.
    struct Header: Hashable, Sendable {
        enum Value: Hashable, Sendable {
            case environment(String)
            case file(String)
        }

        var name: String
        var value: Value
    }

    static let headerLimit = 32
    /// Those that say how a message is framed, or to whom.
    private static let reservedHeaders: Set<String> = [
        "host", "connection", "content-length", "transfer-encoding", "upgrade", "te", "trailer",
    ]

    /// With placeholders after the host.
    var address: SourceAddress
    var headers: [Header]
    var access: SourceAccess

    init(_ fields: SettingsFields) throws {
        try fields.allow(["name", "kind", "url", "headers", "timeout"] + SourceAccess.certificateKeys, of: "web")
        let url = try fields.requiredText("url", such: "https://quality.example.com/models/{{name}}")
        let unknown = Placeholders.unknown(in: url)
        guard unknown.isEmpty else {
            let known = Placeholders.names.map { "{{\($0)}}" }.joined(separator: ", ")
            throw SourceSettings.Fault("{{\(unknown[0])}} means nothing here; there are \(known)", at: "url")
        }
        address = try SourceAddress(url, credentialAdvice: "write headers: [{name: Authorization, fromFile: FILE}]")
        access = try SourceAccess(fields, of: address)
        headers = try fields.objects("headers").map(Self.header)
        guard headers.count <= Self.headerLimit else {
            throw SourceSettings.Fault("at most \(Self.headerLimit)", at: "headers")
        }
        if !headers.isEmpty, !address.isEncrypted, !address.isLoopback {
            throw SourceSettings.Fault("must be https: its headers would travel in the clear", at: "url")
        }
    }

    private static func header(_ fields: SettingsFields) throws -> Header {
        try fields.allow(["name", "fromEnvironment", "fromFile"], of: "a header")
        let name = try fields.requiredText("name", such: "Authorization")
        guard !name.isEmpty, name.utf8.allSatisfy(isTokenByte), !reservedHeaders.contains(name.lowercased()) else {
            throw SourceSettings.Fault("'\(name.prefix(80))' is no header that can be set", at: "headers")
        }
        switch (try fields.text("fromEnvironment"), try fields.text("fromFile")) {
        case (let variable?, nil): return Header(name: name, value: .environment(variable))
        case (nil, let path?): return Header(name: name, value: .file(path))
        default:
            throw SourceSettings.Fault(
                "'\(name)' needs fromEnvironment or fromFile, and one of them only: no secret stands here",
                at: "headers")
        }
    }

    /// RFC 9110, section 5.6.2.
    private static func isTokenByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
        }
    }
}
