import ControlAPI
import Foundation
import ModelManifests

/// Who may use the API, and its TLS: `tokens:` and `tls:` of the settings file.
struct AccessSettings: Sendable {
    var tokens: [Token] = []
    var tls: TLS?

    /// A named token. Its text is in a file.
    struct Token: Hashable, Sendable {
        /// Recorded in the audit trail.
        var name: String
        var file: String
        var role: AccessRole
        /// Nil allows all.
        var projects: [String]?
        /// Names, or prefixes of names with a `*`. Nil allows all.
        var namespaces: [String]?
        /// `FILE:LINE:COLUMN` of its file in the settings; nil if it is not from there.
        var place: String?

        var caller: Caller {
            Caller(name: name, role: role, scope: AccessScope(namespaces: namespaces, projects: projects))
        }
    }

    struct TLS: Hashable, Sendable {
        var certificateFile: String
        var keyFile: String
        /// The authorities of client certificates. Other clients are refused. Nil accepts all clients.
        var clientCAFile: String?
    }

    /// The URL scheme of the API.
    var scheme: String { tls == nil ? "http" : "https" }

    /// The names of tokens from other sources in the audit trail.
    static let reservedNames: Set<String> = [Self.stateTokenName, Self.tokenFileName, Self.environmentName]
    static let stateTokenName = "state-token"
    static let tokenFileName = "tokenFile"
    static let environmentName = "MLCTL_TOKEN"

    private static let longestName = 63

    /// Everything that is wrong with them, in the order of the file.
    var faults: [SettingsFault] {
        let most = AccessKeys.most - Self.reservedNames.count
        guard tokens.count <= most else {
            return [SettingsFault(at: [.field("tokens")], "there are \(tokens.count), but at most \(most) are allowed")]
        }
        var faults: [SettingsFault] = []
        var names: Set<String> = []
        for (index, token) in tokens.enumerated() {
            let place: [SettingsStep] = [.field("tokens"), .index(index)]
            if !Self.isName(token.name) || Self.reservedNames.contains(token.name) {
                faults.append(
                    SettingsFault(
                        at: place + [.field("name")],
                        "'\(token.name)' is not a valid name; use up to \(Self.longestName) letters, digits, '-', '_' and "
                            + "'.', but none of the reserved names "
                            + Self.reservedNames.sorted().joined(separator: ", ")))
            } else if !names.insert(token.name).inserted {
                faults.append(SettingsFault(at: place + [.field("name")], "'\(token.name)' is given twice"))
            }
            if token.file.isEmpty {
                faults.append(SettingsFault(at: place + [.field("file")], "'\(token.name)' needs a file"))
            }
            do { try checkScope(token, place) } catch { faults.append(error) }
        }
        let files = [
            ("certificateFile", tls?.certificateFile), ("keyFile", tls?.keyFile), ("clientCAFile", tls?.clientCAFile),
        ]
        for (field, path) in files where path?.isEmpty == true {
            faults.append(SettingsFault(at: [.field("tls"), .field(field)], "must not be empty"))
        }
        return faults
    }

    private func checkScope(_ token: Token, _ place: [SettingsStep]) throws(SettingsFault) {
        let lists = [("projects", token.projects), ("namespaces", token.namespaces)]
        for (field, list) in lists {
            guard let list else { continue }
            guard !list.isEmpty else {
                throw SettingsFault(
                    at: place + [.field(field)],
                    "'\(token.name)': an empty list of \(field) allows nothing; leave it out to allow all")
            }
            for (index, name) in list.enumerated() where !Self.isPattern(name, withStar: field == "namespaces") {
                throw SettingsFault(
                    at: place + [.field(field), .index(index)],
                    "'\(name)' is not valid in \(field); write a name"
                        + (field == "namespaces" ? " or the beginning of a name followed by '*'" : ""))
            }
        }
        guard token.projects != nil || token.namespaces != nil else { return }
        switch token.role {
        case .viewer, .operator: return
        case .admin, .metrics:
            throw SettingsFault(
                at: place + [.field("role")],
                "'\(token.name)': the role \(token.role.rawValue) applies to all projects and namespaces; leave them out, or use "
                    + "the role viewer or operator")
        }
    }

    private static func isName(_ text: String) -> Bool {
        (1...longestName).contains(text.utf8.count)
            && text.unicodeScalars.allSatisfy {
                $0.isASCII && ($0.properties.isAlphabetic || "0123456789-_.".unicodeScalars.contains($0))
            }
    }

    private static func isPattern(_ text: String, withStar: Bool) -> Bool {
        let name = withStar && text.hasSuffix("*") ? String(text.dropLast()) : text
        return withStar && text == "*" || isName(name)
    }
}

/// What is wrong with a token's file.
struct AccessFault: Error, Hashable, CustomStringConvertible {
    var description: String

    init(_ description: String) { self.description = description }
}

// MARK: - Reading

extension AccessSettings.Token: Decodable {
    enum CodingKeys: String, CodingKey, CaseIterable { case name, file, role, projects, namespaces }

    init(from decoder: any Decoder) throws {
        try UnknownFieldCheck.check(decoder, CodingKeys.self, in: "tokens")
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        name = try fields.decode(String.self, forKey: .name)
        file = try fields.decode(String.self, forKey: .file)
        let text = try fields.decode(String.self, forKey: .role)
        guard let role = AccessRole(rawValue: text) else {
            let roles = AccessRole.allCases.map(\.rawValue).joined(separator: ", ")
            throw DecodingError.dataCorruptedError(
                forKey: .role, in: fields, debugDescription: "'\(text)' is not a role; the roles are \(roles)")
        }
        self.role = role
        projects = try fields.decodeIfPresent([String].self, forKey: .projects)
        namespaces = try fields.decodeIfPresent([String].self, forKey: .namespaces)
    }
}

extension AccessSettings.TLS: Decodable {
    enum CodingKeys: String, CodingKey, CaseIterable { case certificateFile, keyFile, clientCAFile }

    init(from decoder: any Decoder) throws {
        try UnknownFieldCheck.check(decoder, CodingKeys.self, in: "tls")
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        certificateFile = try fields.decode(String.self, forKey: .certificateFile)
        keyFile = try fields.decode(String.self, forKey: .keyFile)
        clientCAFile = try fields.decodeIfPresent(String.self, forKey: .clientCAFile)
    }
}

/// Refuses unknown fields: a misspelt restriction would otherwise have no effect.
private enum UnknownFieldCheck {
    struct AnyKey: CodingKey {
        var stringValue: String
        var intValue: Int? { nil }

        init?(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { return nil }
    }

    static func check<Key: CodingKey & CaseIterable>(_ decoder: any Decoder, _ known: Key.Type, in place: String) throws
    {
        let given = try decoder.container(keyedBy: AnyKey.self).allKeys.map(\.stringValue)
        let names = Key.allCases.map(\.stringValue)
        guard let unknown = given.first(where: { !names.contains($0) }), let key = AnyKey(stringValue: unknown) else {
            return
        }
        throw DecodingError.dataCorrupted(
            .init(
                codingPath: decoder.codingPath + [key],
                debugDescription:
                    "unknown field '\(unknown)' of \(place); the fields are \(names.joined(separator: ", "))"))
    }
}
