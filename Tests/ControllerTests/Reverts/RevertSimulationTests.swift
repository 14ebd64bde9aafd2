import ControlPorts
import Foundation
import ModelManifests
import Rollouts
import TestSupport
import Testing

@testable import Controller

/// Random histories of a repository that a controller writes reverts to, with people, kills and races.
@Suite("Reverts in random histories")
struct RevertSimulationTests {
    static let key = DeploymentKey(namespace: "payments", name: "fraud")
    /// In CI. MLCTL_REVERT_HISTORIES=100000 runs all that the design asks for.
    static let histories = ProcessInfo.processInfo.environment["MLCTL_REVERT_HISTORIES"].flatMap { Int($0) } ?? 20_000
    static let parts = 20

    static func wish(failed: String, served: String, servedCommit: String) -> RevertWish {
        RevertWish(
            deployment: key, failed: Revision(rawValue: failed), failedVersion: failed,
            served: Revision(rawValue: served),
            servedVersion: served, servedCommit: servedCommit, reason: "errors",
            decidedAt: Date(timeIntervalSince1970: 1))
    }

    @Test("no loop, no lost commit of a person, at most one open revert for a revision", arguments: 0..<parts)
    func histories(part: Int) async throws {
        for index in 0..<Self.histories / Self.parts {
            try await Self.history(seed: UInt64(part * Self.histories / Self.parts + index))
        }
    }

    private static func history(seed: UInt64) async throws {
        var draws = SeededRandom(seed: seed)
        let model = RevertModel()
        let mode: WriteBack.Mode = Bool.random(using: &draws) ? .push : .branch
        let servedCommit = await model.humanCommit("good", on: RevertModel.source)
        await model.humanCommit("bad", on: RevertModel.source)
        for _ in 0..<Int.random(in: 1...6, using: &draws) {
            await person(on: model, &draws)
            await model.kill(after: Int.random(in: 0..<12, using: &draws), happensBefore: Bool.random(using: &draws))
            if Int.random(in: 0..<4, using: &draws) == 0 {
                let inner = UInt64.random(in: 0...UInt64.max, using: &draws)
                await model.interfere { model in
                    var draws = SeededRandom(seed: inner)
                    if Bool.random(using: &draws) { await person(on: model, &draws) }
                }
            }
            try await review(model, mode, servedCommit)
            await model.interfere(nil)
        }
        // Quiet again: whatever was killed or lost a race is finished.
        await model.kill(after: nil, happensBefore: false)
        for _ in 0..<3 { try await review(model, mode, servedCommit) }
        let before = await model.references
        try await review(model, mode, servedCommit)
        #expect(await model.references == before, "seed \(seed): it does not come to rest")
        await check(model, mode, seed)
    }

    /// One run as the controller does it: from the commit that it has read.
    private static func review(_ model: RevertModel, _ mode: WriteBack.Mode, _ servedCommit: String) async throws {
        guard let head = await model.references[RevertModel.source], let text = await model.commits[head]?.text else {
            return
        }
        let wish = text.hasPrefix("bad") ? Self.wish(failed: text, served: "good", servedCommit: servedCommit) : nil
        let reverting = Reverting(
            key, wish, mode: mode, source: (RevertModel.source, head), edited: wish == nil ? nil : ("m.yaml", "good"),
            message: wish?.message(nil) ?? "")
        do {
            _ = try await reverting.carryOut(with: model)
        } catch is RevertModel.Killed {
        } catch is RevertConflict {
        }
    }

    private static func person(on model: RevertModel, _ draws: inout SeededRandom) async {
        let branches = ["bad", "bad2"].map { RevertWish.branchFolder(key) + $0 }
        let branch = branches[Int.random(in: 0..<2, using: &draws)]
        let text = ["good", "bad", "bad2", "other"][Int.random(in: 0..<4, using: &draws)]
        switch Int.random(in: 0..<9, using: &draws) {
        case 0, 1, 2: await model.humanCommit(text, on: RevertModel.source)
        case 3: await model.rewind(RevertModel.source)
        case 4: await model.humanCommit(text, on: branch)
        case 5: await model.humanCommit("good", on: branch, amends: true, message: RevertWish.trailer(key, "bad"))
        case 6: await model.delete(branch)
        case 7: await model.merge(branch)
        default: break
        }
    }

    private static func check(_ model: RevertModel, _ mode: WriteBack.Mode, _ seed: UInt64) async {
        let commits = await model.commits
        for change in await model.written {
            // Only own commits, or nothing, are ever replaced; the branch that is read only moves forward.
            if change.reference == RevertModel.source {
                #expect(change.to.flatMap { commits[$0]?.parent } == change.from, "seed \(seed)")
                #expect(mode == .push, "seed \(seed)")
            } else if let from = change.from {
                #expect(commits[from]?.isOwn == true, "seed \(seed): a person's commit was lost")
            }
        }
        let history = await model.history(of: RevertModel.source)
        for revision in ["bad", "bad2"] {
            let own = history.filter {
                commits[$0]?.isOwn == true
                    && commits[$0]?.message.contains(RevertWish.trailer(key, revision) + "\n") == true
            }
            #expect(own.count <= 1, "seed \(seed): a loop")
        }
        let references = await model.references
        let open = references.filter { $0.key != RevertModel.source && commits[$0.value]?.isOwn == true }
        let wanted = references[RevertModel.source].flatMap { commits[$0]?.text } ?? ""
        #expect(open.count <= 1, "seed \(seed)")
        if mode == .push || !wanted.hasPrefix("bad") {
            #expect(open.isEmpty, "seed \(seed): a branch is left over")
        } else if let reference = open.keys.first {
            #expect(reference == RevertWish.branchFolder(key) + wanted, "seed \(seed)")
            let parent = references[reference].flatMap { commits[$0]?.parent } ?? ""
            #expect(history.contains(parent), "seed \(seed): merging it brings back what was taken out")
        }
    }
}
