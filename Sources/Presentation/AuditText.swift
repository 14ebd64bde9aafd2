import ControlPorts

/// The result of verifying an audit trail, for people.
package struct AuditText: Sendable {
    package let chain: AuditChain
    package let rewritten: [AuditChain.Problem]

    /// How many entries the earlier export has; nil where none is compared.
    package let earlier: Int?
    private static let mostShown = 20

    package init(chain: AuditChain, rewritten: [AuditChain.Problem] = [], earlier: Int? = nil) {
        (self.chain, self.rewritten, self.earlier) = (chain, rewritten, earlier)
    }

    /// An export without entries shows nothing.
    package var isFine: Bool { chain.count > 0 && chain.problems.isEmpty && rewritten.isEmpty }

    package var lines: [String] {
        let heads = chain.heads
        let deployments = heads.count == 1 ? "1 deployment" : "\(heads.count) deployments"
        let what = "\(chain.count == 1 ? "1 entry" : "\(chain.count) entries") of \(deployments)"
        guard chain.count > 0 else { return ["no entries: this is no export, or all of it was taken out"] }
        guard isFine else {
            let problems = (chain.problems + rewritten).map { "  \($0.text)" }
            let left = problems.count - Self.mostShown
            return ["\(what): not as it was written"] + problems.prefix(Self.mostShown)
                + (left > 0 ? ["  … and \(left) more"] : [])
        }
        let range =
            "\(what), from \(chain.firstId ?? 0) to \(chain.lastId): nothing in between was changed or taken out"
        guard let earlier else {
            return [
                range, "Whether entries before or after are missing, only an export of another time shows (--earlier).",
            ]
        }
        return [range, "It continues the earlier export of \(earlier == 1 ? "1 entry" : "\(earlier) entries")."]
    }
}
