/// `$(NAME)` in commands and environments. The rules are those of Kubernetes (`third_party/forked/golang/expansion`), which
/// works on bytes: a combining mark after the `)` makes no difference.
package enum VariableReferences {
    private enum Piece {
        case text(ArraySlice<UInt8>)
        case reference(String)
    }

    /// Replaces `$(NAME)` by the variable's value. `$$` is a dollar sign. A name that is not set stays as written.
    package static func replaced(in text: String, by variables: [String: String]) -> String {
        guard text.utf8.contains(UInt8(ascii: "$")) else { return text }
        var result: [UInt8] = []
        for piece in pieces(of: text) {
            switch piece {
            case .text(let bytes): result += bytes
            case .reference(let name): result += (variables[name] ?? "$(\(name))").utf8
            }
        }
        return String(decoding: result, as: UTF8.self)
    }

    /// The names of the variables that a text refers to.
    package static func names(in text: String) -> [String] {
        pieces(of: text).compactMap { if case .reference(let name) = $0 { name } else { nil } }
    }

    private static func pieces(of text: String) -> [Piece] {
        var pieces: [Piece] = []
        var rest = Array(text.utf8)[...]
        while let dollar = rest.firstIndex(of: UInt8(ascii: "$")) {
            pieces.append(.text(rest[..<dollar]))
            let start = dollar + 1
            switch rest[start...].first {
            case UInt8(ascii: "$"):
                pieces.append(.text(rest[dollar..<start]))
                rest = rest[(start + 1)...]
            case UInt8(ascii: "("):
                guard let end = rest[start...].firstIndex(of: UInt8(ascii: ")")) else {
                    pieces.append(.text(rest[dollar...start]))
                    rest = rest[(start + 1)...]
                    continue
                }
                pieces.append(.reference(String(decoding: rest[(start + 1)..<end], as: UTF8.self)))
                rest = rest[(end + 1)...]
            default:
                pieces.append(.text(rest[dollar..<start]))
                rest = rest[start...]
            }
        }
        return pieces + [.text(rest)]
    }
}

/// The variables of an environment whose values are secrets or contain one.
package struct SecretVariables: Hashable, Sendable {
    /// The name of the secret in each variable.
    private(set) var secrets: [String: String] = [:]

    /// Follows the order of Kubernetes: a variable can refer to the variables before it.
    package init(_ variables: [EnvironmentVariable]) {
        for variable in variables {
            switch variable.value {
            case .secret(let name): secrets[variable.name] = name
            case .literal(let text): secrets[variable.name] = exposed(in: text)?.secret
            }
        }
    }

    /// The first variable with a secret that a word of a command refers to.
    func exposed(in word: String) -> (variable: String, secret: String)? {
        guard !secrets.isEmpty else { return nil }
        for name in VariableReferences.names(in: word) {
            if let secret = secrets[name] { return (name, secret) }
        }
        return nil
    }
}
