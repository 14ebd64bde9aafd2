import ControlPorts
import Controller
import Foundation
import ModelManifests
import Rollouts
import TestSupport

/// A repository as far as reverts see it: commits with one file, and references. It refuses what git refuses.
actor RevertModel: RevertWriter {
    struct Killed: Error {}

    struct Commit {
        var parent: String?
        /// The version that the file asks for.
        var text: String
        var message = ""
        var isOwn = false
    }

    static let source = "refs/heads/main"
    private(set) var commits: [String: Commit] = [:]
    private(set) var references: [String: String] = [:]
    /// What happened to references by this controller.
    private(set) var written: [(reference: String, from: String?, to: String?)] = []
    private var count = 0
    /// The number of calls until the controller is killed; nil: it is not.
    private var callsLeft: Int?
    /// Whether the last call still happens when the controller is killed.
    private var happensBefore = false
    /// What other people do between two calls.
    private var interference: (@Sendable (RevertModel) async -> Void)?

    func kill(after calls: Int?, happensBefore: Bool) { (callsLeft, self.happensBefore) = (calls, happensBefore) }
    func interfere(_ body: (@Sendable (RevertModel) async -> Void)?) { interference = body }

    @discardableResult
    func humanCommit(_ text: String, on reference: String, amends: Bool = false, message: String = "human") -> String {
        count += 1
        let id = String(format: "%040d", count)
        let tip = references[reference]
        commits[id] = Commit(parent: amends ? tip.flatMap { commits[$0]?.parent } : tip, text: text, message: message)
        references[reference] = id
        return id
    }

    /// Merges a branch by moving to it, as far as the model needs it: a commit with its text on the source.
    func merge(_ reference: String) {
        guard let tip = references[reference], let commit = commits[tip] else { return }
        humanCommit(commit.text, on: Self.source, message: commit.message)
    }

    func rewind(_ reference: String) {
        if let parent = references[reference].flatMap({ commits[$0]?.parent }) { references[reference] = parent }
    }

    func delete(_ reference: String) { references[reference] = nil }

    func history(of reference: String) -> [String] { references[reference].map(line) ?? [] }

    private func line(from commit: String) -> [String] {
        var ids: [String] = []
        var next: String? = commit
        while let id = next {
            ids.append(id)
            next = commits[id]?.parent
        }
        return ids
    }

    // MARK: RevertWriter

    private func enter() async throws -> Bool {
        if let interference { await interference(self) }
        guard let left = callsLeft else { return true }
        callsLeft = left - 1
        guard left <= 0 else { return true }
        if happensBefore { return false }
        throw Killed()
    }

    func text(of file: String, at commit: String) async throws -> String? {
        guard try await enter() else { throw Killed() }
        return commits[commit]?.text
    }

    func survey(_ deployment: DeploymentKey, _ wish: RevertWish?, head: String) async throws -> RevertSurvey {
        guard try await enter() else { throw Killed() }
        let folder = RevertWish.branchFolder(deployment)
        var survey = RevertSurvey()
        for (reference, id) in references where reference.hasPrefix(folder) {
            let revision = String(reference.dropFirst(folder.count))
            survey.tips[revision] = RevertSurvey.Tip(
                commit: id,
                isOwn: commits[id]?.isOwn == true
                    && commits[id]?.message.contains(RevertWish.trailer(deployment, revision)) == true,
                isBased: commits[id]?.parent.map { line(from: head).contains($0) } == true)
        }
        if let wish {
            var next: String? = head
            while let id = next, id != wish.servedCommit {
                if commits[id]?.message.contains(wish.trailer) == true {
                    survey.revertedBy = id
                    break
                }
                next = commits[id]?.parent
            }
        }
        return survey
    }

    func makeCommit(_ change: RevertChange) async throws -> String {
        let happens = try await enter()
        // A function of the change, as in git.
        let id = "own-\(change.parent)-\(change.text)-\(change.message.hashValue)"
        commits[id] = Commit(parent: change.parent, text: change.text, message: change.message, isOwn: true)
        guard happens else { throw Killed() }
        return id
    }

    func apply(_ change: ReferenceChange, commit: String) async throws {
        let happens = try await enter()
        guard references[change.reference] == change.expected else { throw RevertConflict("moved") }
        let target = change.target == .deleted ? nil : commit
        references[change.reference] = target
        written.append((change.reference, change.expected, target))
        guard happens else { throw Killed() }
    }
}
