import Crypto
import Foundation
import ModelManifests
import SafeText

/// Which deliveries matter to a project.
package struct HookRule: Sendable {
    /// The same bounds as those of the secret with which mlctl signs its own messages.
    static let secretBytes = 16...4_096

    package var project: String
    /// The address of its repository.
    package var repo: String
    package var reference: ProjectReference
    /// A file with the secret that the git server signs with or sends; nil accepts deliveries from anybody.
    package var secretFile: String?

    package init(project: String, repo: String, reference: ProjectReference, secretFile: String? = nil) {
        self.project = project
        self.repo = repo
        self.reference = reference
        self.secretFile = secretFile
    }

    /// What becomes of a delivery for one project.
    enum Verdict: Hashable, Sendable {
        /// Git is checked.
        case accepted
        case greeted
        case otherEvent
        case otherReference
        /// It has no proof, or a wrong one.
        case refused
        case unreadableSecret

        /// Whether the sender knows the project's secret.
        var isProved: Bool {
            switch self {
            case .accepted, .greeted, .otherEvent, .otherReference: true
            case .refused, .unreadableSecret: false
            }
        }

        /// For people. Nothing of the delivery stands in it.
        var text: String {
            switch self {
            case .accepted: "git is checked"
            case .greeted: "the first delivery, with the right secret"
            case .otherEvent: "passed over: it is not a push"
            case .otherReference: "passed over: nothing that this project reads was pushed"
            case .refused: "refused: it is not signed with the secret in webhooks.secretFile, or its token is another"
            case .unreadableSecret: "refused: webhooks.secretFile cannot be read, or holds fewer than 16 bytes"
            }
        }
    }

    /// - Parameter body: exactly as it came, because the signature is about its bytes.
    func verdict(on delivery: HookDelivery, body: Data) -> Verdict {
        if let secretFile {
            guard let secret = Self.secret(in: secretFile) else { return .unreadableSecret }
            guard Self.isProved(delivery.proof, body: body, by: secret) else { return .refused }
        }
        switch delivery.event {
        case .greeting: return .greeted
        case .other: return .otherEvent
        case .push(let references):
            // Scripts name no reference.
            return references.isEmpty || references.contains(where: matters) ? .accepted : .otherReference
        }
    }

    private func matters(_ pushed: String) -> Bool {
        switch reference {
        // A controller that was started with --repo also takes a tag for its branch.
        case .branch(let name): ["refs/heads/\(name)", "refs/tags/\(name)"].contains(pushed)
        case .tag(let name): pushed == "refs/tags/\(name)"
        case .semver: pushed.hasPrefix("refs/tags/")
        case .commit: true
        }
    }

    /// Read for each delivery, because the file may be replaced.
    private static func secret(in path: String) -> Data? {
        guard let file = FileHandle(forReadingAtPath: path) else { return nil }
        defer { try? file.close() }
        guard let bytes = try? file.read(upToCount: secretBytes.upperBound + 2) else { return nil }
        let secret = Data(bytes.reversed().drop { $0 == 0x0A || $0 == 0x0D }.reversed())
        return secretBytes.contains(secret.count) ? secret : nil
    }

    /// Both comparisons take the same time for every value.
    private static func isProved(_ proof: HookDelivery.Proof, body: Data, by secret: Data) -> Bool {
        switch proof {
        case .none: return false
        case .token(let token): return SHA256.hash(data: Data(token.utf8)) == SHA256.hash(data: secret)
        case .signature(let hex):
            let own = Hex.text(HMAC<SHA256>.authenticationCode(for: body, using: SymmetricKey(data: secret)))
            return SHA256.hash(data: Data(own.utf8)) == SHA256.hash(data: Data(hex.lowercased().utf8))
        }
    }
}

/// What becomes of one delivery for all projects.
struct HookDecision: Hashable, Sendable {
    /// By project.
    private(set) var verdicts: [String: HookRule.Verdict]

    /// Where several projects share a secret, only those count whose repository the delivery names, if it names any of them.
    init(_ delivery: HookDelivery, body: Data, rules: [HookRule]) {
        verdicts = Dictionary(rules.map { ($0.project, $0.verdict(on: delivery, body: body)) }) { first, _ in first }
        let named = rules.filter { rule in
            verdicts[rule.project]?.isProved == true
                && HookDelivery.repositoryName(rule.repo).map(delivery.repositories.contains) == true
        }
        guard !named.isEmpty else { return }
        let names = Set(named.map(\.project))
        verdicts = verdicts.filter { names.contains($0.key) || !$0.value.isProved }
    }

    /// The projects whose repositories are checked.
    var checked: Set<String> { Set(verdicts.filter { $0.value == .accepted }.keys) }

    /// Nobody knows the sender: every project wants a proof, and none got its own.
    var isRefused: Bool { !verdicts.isEmpty && verdicts.values.allSatisfy { !$0.isProved } }
}
