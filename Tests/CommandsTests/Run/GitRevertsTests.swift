import ControlPorts
import Controller
import Foundation
import GitSource
import ModelManifests
import TestSupport
import Testing

@testable import Commands

/// Reverts in real repositories.
@Suite("Reverts in git")
struct GitRevertsTests {
    private static let key = DeploymentKey(namespace: "odd", name: "a")
    private static let identity = "mlctl <mlctl@example.org>"

    /// A bare repository, a clone of a person, and a controller's view of it.
    private final class Rig {
        let person: OddRepository
        let bare: String
        let repository: GitRepository
        let writer: GitReverts
        var head = ""

        init(signingKeyFile: String? = nil) throws {
            person = try OddRepository()
            bare = person.folder.appending(path: "bare.git").path(percentEncoded: false)
            try ChildProcess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", bare])
            try person.git("remote", "add", "origin", bare)
            repository = GitRepository(
                configuration: try GitConfiguration(
                    url: bare, reference: "main",
                    mirrorDirectory: person.folder.appending(path: "mirror").path(percentEncoded: false)))
            writer = GitReverts(
                repository: repository, identity: try #require(CommitIdentity(GitRevertsTests.identity)),
                signingKeyFile: signingKeyFile)
        }

        @discardableResult
        func push(_ version: String, extra: String = "") throws -> String {
            try person.write("m.yaml", OddTree.manifest("a", version: version) + extra)
            let commit = try person.commit()
            try person.git("push", "--quiet", "--force", "origin", "main")
            return commit
        }

        func tip(_ reference: String) throws -> String? {
            try? ChildProcess.run(["git", "--git-dir", bare, "rev-parse", "--verify", "--quiet", reference])
        }

        func wish(_ failed: String, servedCommit: String) -> RevertWish {
            RevertWish(
                deployment: GitRevertsTests.key, failed: Revision(rawValue: failed), failedVersion: failed,
                served: Revision(rawValue: "1111111111"), servedVersion: "1", servedCommit: servedCommit,
                reason: "errors rose from 1.0 % to 9.0 %", decidedAt: Date(timeIntervalSince1970: 1_800_000_000))
        }

        /// One run, from the commit that the source has now.
        func review(_ wish: RevertWish?, _ mode: WriteBack.Mode) async throws -> Reverting.Report {
            head = try await repository.fetch().commit
            var edited: (file: String, text: String)?
            if let wish {
                let now = try #require(try await writer.text(of: "m.yaml", at: head))
                let old = try #require(try await writer.text(of: "m.yaml", at: wish.servedCommit))
                edited = ("m.yaml", try ManifestRevert.edit(now, of: GitRevertsTests.key, like: old))
            }
            return try await Reverting(
                GitRevertsTests.key, wish, mode: mode, source: ("refs/heads/main", head), edited: edited,
                message: wish?.message(nil) ?? ""
            ).carryOut(with: writer)
        }
    }

    @Test("a branch is made once, moved with the file, and deleted when git moves on")
    func branch() async throws {
        let rig = try Rig()
        let served = try rig.push("1", extra: "  replicas: 2\n")
        try rig.push("2", extra: "  replicas: 2 # two\n")
        let wish = rig.wish("aaaaaaaaaa", servedCommit: served)
        let began = ContinuousClock.now
        #expect(try await rig.review(wish, .branch) == .written(reference: wish.branch))
        print("verdict to pushed branch: \(ContinuousClock.now - began)")
        let first = try #require(try rig.tip(wish.branch))
        let shown = try ChildProcess.run(["git", "--git-dir", rig.bare, "show", "--format=%an|%ae|%at|%B", first])
        #expect(shown.hasPrefix("mlctl|mlctl@example.org|1800000000|Revert odd/a to version 1"))
        #expect(shown.contains("errors rose from 1.0 % to 9.0 %") && shown.contains("Mlctl-Revert: odd/a aaaaaaaaaa"))
        let changed = shown.split(separator: "\n").filter { $0.hasPrefix("+ ") || $0.hasPrefix("- ") }
        #expect(changed == ["-  model: {version: \"2\"}", "+  model: {version: \"1\"}"])
        // The same again changes nothing, also after a restart, and also if the branch that is read moved elsewhere.
        #expect(try await rig.review(wish, .branch) == .written(reference: wish.branch))
        try rig.person.write("README.md", "x")
        try rig.person.commit()
        try rig.person.git("push", "--quiet", "origin", "main")
        _ = try await rig.review(wish, .branch)
        #expect(try rig.tip(wish.branch) == first)
        // Another change of the file is kept.
        try rig.push("2", extra: "  replicas: 3\n")
        _ = try await rig.review(wish, .branch)
        let second = try #require(try rig.tip(wish.branch))
        #expect(second != first)
        #expect(
            try ChildProcess.run(["git", "--git-dir", rig.bare, "show", "\(second):m.yaml"]).contains("replicas: 3"))
        try rig.push("3")
        #expect(try await rig.review(nil, .branch) == .notNeeded)
        #expect(try rig.tip(wish.branch) == nil)
    }

    @Test("a branch to which somebody added commits is left as it is, wanted or not")
    func othersBranch() async throws {
        let rig = try Rig()
        let served = try rig.push("1")
        try rig.push("2")
        let wish = rig.wish("aaaaaaaaaa", servedCommit: served)
        _ = try await rig.review(wish, .branch)
        try rig.person.git("fetch", "--quiet", "origin", wish.branch)
        try rig.person.git("checkout", "--quiet", "FETCH_HEAD")
        try rig.person.git("commit", "--quiet", "--amend", "--no-edit")
        try rig.person.git("push", "--quiet", "--force", "origin", "HEAD:\(wish.branch)")
        let theirs = try rig.tip(wish.branch)
        try rig.person.git("checkout", "--quiet", "main")
        try rig.push("2", extra: "  replicas: 3\n")
        let report = try await rig.review(wish, .branch)
        guard case .refused(let reason) = report else { Issue.record("\(report)"); return }
        #expect(reason.contains("has commits of others"))
        _ = try await rig.review(nil, .branch)
        #expect(try rig.tip(wish.branch) == theirs)
    }

    @Test("a push goes on top of the branch that is read, once, and never over a person's commit")
    func push() async throws {
        let rig = try Rig()
        let served = try rig.push("1")
        let bad = try rig.push("2")
        let wish = rig.wish("aaaaaaaaaa", servedCommit: served)
        #expect(try await rig.review(wish, .push) == .written(reference: "refs/heads/main"))
        let revert = try #require(try rig.tip("refs/heads/main"))
        #expect(try ChildProcess.run(["git", "--git-dir", rig.bare, "rev-parse", "\(revert)^"]) == bad)
        // Somebody asks for the failed revision again: they mean it.
        try rig.person.git("pull", "--quiet", "--rebase", "origin", "main")
        let again = try rig.push("2")
        let report = try await rig.review(wish, .push)
        guard case .refused(let reason) = report else { Issue.record("\(report)"); return }
        #expect(reason.contains("was reverted by commit \(revert.prefix(12))"))
        #expect(try rig.tip("refs/heads/main") == again)
        // A race: the source moves after it was read.
        let other = rig.wish("bbbbbbbbbb", servedCommit: served)
        let stale = rig.head
        let newer = try rig.push("4")
        await #expect(throws: RevertConflict.self) {
            let change = RevertChange(
                parent: stale, file: "m.yaml", text: "x", message: other.message(nil), date: other.decidedAt)
            try await rig.writer.apply(
                ReferenceChange("refs/heads/main", from: stale, to: .revert),
                commit: try await rig.writer.makeCommit(change))
        }
        #expect(try rig.tip("refs/heads/main") == newer)
    }

    @Test("commits are signed with an ssh key, and a hook's refusal is said")
    func signing() async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "key-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let key = folder.appending(path: "key").path(percentEncoded: false)
        try ChildProcess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key])
        let rig = try Rig(signingKeyFile: key)
        let served = try rig.push("1")
        try rig.push("2")
        let wish = rig.wish("aaaaaaaaaa", servedCommit: served)
        _ = try await rig.review(wish, .branch)
        let allowed = folder.appending(path: "allowed").path(percentEncoded: false)
        let publicKey = try String(contentsOfFile: key + ".pub", encoding: .utf8)
        try "mlctl@example.org \(publicKey)".write(toFile: allowed, atomically: true, encoding: .utf8)
        try ChildProcess.run([
            "git", "--git-dir", rig.bare, "-c", "gpg.format=ssh", "-c", "gpg.ssh.allowedSignersFile=\(allowed)",
            "verify-commit", wish.branch,
        ])
        let hook = "\(rig.bare)/hooks/pre-receive"
        try "#!/bin/sh\nexit 1\n".write(toFile: hook, atomically: true, encoding: .utf8)
        try ChildProcess.run(["chmod", "+x", hook])
        let error = await #expect(throws: GitError.self) { _ = try await rig.review(wish, .push) }
        #expect(error?.message.contains("refuses to change refs/heads/") == true)
    }

    /// The properties of `RevertSimulationTests`, against real git.
    @Test("no person's commit is lost and no loop begins in random histories", arguments: 0..<30)
    func histories(seed: UInt64) async throws {
        var draws = SeededRandom(seed: seed)
        let rig = try Rig()
        let served = try rig.push("1")
        try rig.push("2")
        let mode: WriteBack.Mode = Bool.random(using: &draws) ? .push : .branch
        let wish = rig.wish("aaaaaaaaaa", servedCommit: served)
        var people: Set<String> = []
        for round in 0..<6 {
            switch Int.random(in: 0..<6, using: &draws) {
            case 0: people.insert(try rig.push("2", extra: "  replicas: \(round + 2)\n"))
            case 1: people.insert(try rig.push("3"))
            case 2:
                try rig.person.git("fetch", "--quiet", "origin")
                try rig.person.git("reset", "--quiet", "--hard", "origin/main")
                people.insert(try rig.push("2"))
            case 3 where try rig.tip(wish.branch) != nil:
                try rig.person.git("fetch", "--quiet", "origin", wish.branch)
                let tree = try rig.person.git("rev-parse", "FETCH_HEAD^{tree}")
                let own = try rig.person.git("commit-tree", tree, "-p", "FETCH_HEAD", "-m", "mine \(round)")
                try rig.person.git("push", "--quiet", "origin", "\(own):\(wish.branch)")
                people.insert(own)
            case 4: _ = try? rig.person.git("push", "--quiet", "origin", ":\(wish.branch)")
            default: break
            }
            let main = try rig.tip("refs/heads/main")
            let branch = try rig.tip(wish.branch)
            let text = try ChildProcess.run(["git", "--git-dir", rig.bare, "show", "refs/heads/main:m.yaml"])
            let isWanted = text.contains("version: \"2\"")
            _ = try await rig.review(isWanted ? wish : nil, mode)
            // The branch that is read only moves forward, and a branch with a person's commit does not move.
            let after = try #require(try rig.tip("refs/heads/main"))
            if after != main {
                #expect(mode == .push && isWanted)
                #expect(try ChildProcess.run(["git", "--git-dir", rig.bare, "rev-parse", "\(after)^"]) == main)
            }
            if let branch, people.contains(branch) { #expect(try rig.tip(wish.branch) == branch) }
            let log = try ChildProcess.run([
                "git", "--git-dir", rig.bare, "log", "--format=%H", "--grep=Mlctl-Revert", "refs/heads/main",
            ])
            #expect(log.split(separator: "\n").count <= 1, "a loop")
            let all = try ChildProcess.run([
                "git", "--git-dir", rig.bare, "for-each-ref", "--format=%(refname)", "refs/heads/mlctl",
            ])
            #expect(all.split(separator: "\n").count <= 1)
        }
    }
}
