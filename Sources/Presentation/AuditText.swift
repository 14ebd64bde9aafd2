import ControlPorts

/// The result of verifying an audit trail, for people.
package struct AuditText: Sendable {
    package let chain: AuditChain
    package let rewritten: [AuditChain.Problem]

    package init(chain: AuditChain, rewritten: [AuditChain.Problem] = []) {
        (self.chain, self.rewritten) = (chain, rewritten)
    }

    package var isFine: Bool { chain.problems.isEmpty && rewritten.isEmpty }

    package var lines: [String] {
        let heads = chain.heads
        let deployments = heads.count == 1 ? "1 deployment" : "\(heads.count) deployments"
        let what = "\(chain.count == 1 ? "1 entry" : "\(chain.count) entries") of \(deployments)"
        guard !isFine else {
            let end = heads.last.map { ", up to entry \($0.id)" } ?? ""
            return ["\(what)\(end): complete and unchanged"]
        }
        return ["\(what): not as it was written"] + (chain.problems + rewritten).map { "  \($0.text)" }
    }
}
