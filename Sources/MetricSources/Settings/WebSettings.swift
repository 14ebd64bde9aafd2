/// A JSON endpoint of the operator.
package struct WebSettings: Hashable, Sendable {
    /// A header whose value comes from a file or from the controller's environment.
    struct Header: Hashable, Sendable {
        enum Value: Hashable, Sendable {
            case environment(String)
            case file(String)
        }

        var name: String
        var value: Value
    }

    static let headerLimit = 32
    /// Headers that control the connection, the framing of the message or its host.
    private static let reservedHeaders: Set<String> = [
        "host", "connection", "content-length", "transfer-encoding", "upgrade", "te", "trailer",
    ]

    /// May have placeholders after the host.
    var address: SourceAddress
    var headers: [Header]
    var access: SourceAccess

    init(_ fields: SettingsFields) throws {
        try fields.allow(["name", "kind", "url", "headers", "timeout"] + SourceAccess.certificateKeys, of: "web")
        let url = try fields.requiredText("url", such: "https://quality.example.com/models/{{name}}")
        let unknown = Placeholders.unknown(in: url)
        guard unknown.isEmpty else {
            let known = Placeholders.names.map { "{{\($0)}}" }.joined(separator: ", ")
            throw SourceSettings.Fault("{{\(unknown[0])}} is not a known placeholder; use one of \(known)", at: "url")
        }
        address = try SourceAddress(url, credentialAdvice: "write headers: [{name: Authorization, fromFile: FILE}]")
        access = try SourceAccess(fields, of: address)
        headers = try fields.objects("headers").map(Self.header)
        guard headers.count <= Self.headerLimit else {
            throw SourceSettings.Fault("at most \(Self.headerLimit)", at: "headers")
        }
        if !headers.isEmpty, !address.isEncrypted, !address.isLoopback {
            throw SourceSettings.Fault("must be https, because its headers would be sent unencrypted", at: "url")
        }
    }

    private static func header(_ fields: SettingsFields) throws -> Header {
        try fields.allow(["name", "fromEnvironment", "fromFile"], of: "a header")
        let name = try fields.requiredText("name", such: "Authorization")
        guard !name.isEmpty, name.utf8.allSatisfy(isTokenByte), !reservedHeaders.contains(name.lowercased()) else {
            throw SourceSettings.Fault("'\(name.prefix(80))' is not a header that can be set", at: "headers")
        }
        switch (try fields.text("fromEnvironment"), try fields.text("fromFile")) {
        case (let variable?, nil): return Header(name: name, value: .environment(variable))
        case (nil, let path?): return Header(name: name, value: .file(path))
        default:
            throw SourceSettings.Fault(
                "'\(name)' needs either fromEnvironment or fromFile: a value must not be written in the settings file",
                at: "headers")
        }
    }

    /// A token character of RFC 9110, section 5.6.2.
    private static func isTokenByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
        }
    }
}
