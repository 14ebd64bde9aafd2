import ModelManifests
import Presentation
import SafeText

/// Finds secrets that are written where others can read them. Pure; prints no secret.
enum ExposedSecrets {
    struct Text: Hashable, Sendable {
        /// For example the settings file, or `manifests/a.yaml in PROJECT`.
        var place: String
        var text: String
    }

    static let mostBytes = 4 << 20
    private static let mostFound = 5
    /// The prefixes of credentials, with the least number of characters that must follow.
    private static let shapes: [(mark: String, noun: String, least: Int)] = [
        ("ghp_", "a GitHub token", 36), ("gho_", "a GitHub token", 36), ("ghs_", "a GitHub token", 36),
        ("github_pat_", "a GitHub token", 22), ("glpat-", "a GitLab token", 20),
        ("AKIA", "an AWS access key", 16), ("xoxb-", "a Slack token", 20), ("xoxp-", "a Slack token", 20),
        ("hf_", "a Hugging Face token", 30), ("AIza", "a Google API key", 35),
    ]

    /// - Parameters:
    ///   - texts: the settings and manifests; nil where none could be read.
    ///   - known: the controller's own tokens.
    static func findings(in texts: [Text]?, known: [String]) -> [Finding] {
        guard let texts, !texts.isEmpty else {
            return [.notLookedAt(.tokenWritten, "neither settings nor manifests could be read")]
        }
        let redactor = SecretRedactor(known.filter { !$0.isEmpty })
        var room = mostBytes
        var found: [Finding] = []
        var skipped = 0
        for text in texts {
            room -= text.text.utf8.count
            guard room >= 0 else {
                skipped += 1
                continue
            }
            if redactor.redacted(text.text) != text.text {
                found.append(finding(text.place, "a token of this controller"))
            }
            for (index, line) in text.text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
                if let noun = credential(in: line) { found.append(finding("\(text.place), line \(index + 1)", noun)) }
            }
        }
        if skipped > 0 {
            found.append(
                .notLookedAt(.tokenWritten, "\(skipped) files after the first \(mostBytes >> 20) MiB were not searched")
            )
        }
        if found.isEmpty {
            return [
                .ok(
                    .tokenWritten,
                    "no credential was found in the settings and manifests (\(texts.count.counted("file")))"
                )
            ]
        }
        return Array(found.prefix(mostFound))
    }

    private static let secretWords: Set<String> = [
        "APIKEY", "CREDENTIAL", "CREDENTIALS", "PASSWD", "PASSWORD", "SECRET", "TOKEN",
    ]
    private static let secretPairs = ["ACCESS_KEY", "API_KEY", "PRIVATE_KEY"]
    /// Shorter values are more likely words of a model's vocabulary, or switches.
    private static let shortestValue = 8

    /// Variables of model servers with the name of a secret, and a literal value in git.
    static func variables(of deployments: [ModelDeployment]) -> [Finding] {
        deployments.sorted { $0.key < $1.key }.flatMap { deployment in
            deployment.template.runtime.env.compactMap { variable -> Finding? in
                guard case .literal(let text) = variable.value, isSecretName(variable.name),
                    text.utf8.count >= shortestValue, !text.contains("$(")
                else { return nil }
                return .warning(
                    .tokenWritten,
                    "the manifest of \(deployment.key) contains the value of \(variable.name), so everybody who reads the repository has it",
                    "Create a new secret and refer to it: - {name: \(variable.name), valueFrom: {secret: NAME}}")
            }
        }
    }

    static func isSecretName(_ name: String) -> Bool {
        let words = name.uppercased().split(separator: "_").map(String.init)
        guard let last = words.last, !["FILE", "PATH", "URL", "NAME"].contains(last) else { return false }
        let joined = "_\(words.joined(separator: "_"))_"
        return words.contains(where: secretWords.contains) || secretPairs.contains { joined.contains("_\($0)_") }
    }

    private static func finding(_ place: String, _ noun: String) -> Finding {
        .problem(
            .tokenWritten, "\(place) contains \(noun), which everybody who can read it can use",
            "Create a new one in a file with mode 0600, and refer to that file instead (valueFrom: {secret: NAME} in a "
                + "manifest)")
    }

    private static func credential(in line: Substring) -> String? {
        if line.contains("PRIVATE KEY-----"), line.contains("-----BEGIN") { return "a private key" }
        for shape in shapes {
            guard let found = line.firstRange(of: shape.mark) else { continue }
            let rest = line[found.upperBound...].utf8.prefix { isTokenByte($0) }
            if rest.count >= shape.least { return shape.noun }
        }
        // user:password@host in an address. A placeholder such as $USER:$PASSWORD@ does not count.
        guard let scheme = line.firstRange(of: "://") else { return nil }
        let authority = line[scheme.upperBound...].prefix { !"/ \"'".contains($0) }
        guard let at = authority.lastIndex(of: "@"), let colon = authority[..<at].firstIndex(of: ":") else {
            return nil
        }
        let password = authority[authority.index(after: colon)..<at]
        return password.isEmpty || password.contains("$") || password.contains("*") ? nil : "a password in an address"
    }

    private static func isTokenByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "_"), UInt8(ascii: "-"): true
        default: false
        }
    }
}
