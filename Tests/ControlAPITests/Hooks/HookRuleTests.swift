import Crypto
import Foundation
import ModelManifests
import SafeText
import Testing

@testable import ControlAPI

@Suite("Which deliveries matter to a project")
struct HookRuleTests {
    private static let secret = "a-secret-of-the-hook-1"
    private static let body = Data(
        #"{"ref":"refs/heads/main","repository":{"clone_url":"https://h/risk/models"}}"#.utf8)

    private final class Folder {
        let url = FileManager.default.temporaryDirectory.appending(path: "hook-\(UUID().uuidString)")
        init() throws { try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true) }
        deinit { try? FileManager.default.removeItem(at: url) }
        func file(_ text: String, _ name: String = "secret") throws -> String {
            try Data(text.utf8).write(to: url.appending(path: name))
            return url.appending(path: name).path
        }
    }

    static func signature(_ body: Data, _ secret: String = secret) -> String {
        Hex.text(HMAC<SHA256>.authenticationCode(for: body, using: SymmetricKey(data: Data(secret.utf8))))
    }

    private func delivery(_ signature: String?, event: String = "push", _ body: Data = body) -> HookDelivery {
        var fields = ["x-github-event": event]
        fields["x-hub-signature-256"] = signature.map { "sha256=\($0)" }
        return HookDelivery(field: { fields[$0] }, body: body)
    }

    private func rule(
        _ file: String?, _ reference: ProjectReference = .branch("main"), project: String = "risk", repo: String = "/r"
    ) -> HookRule { HookRule(project: project, repo: repo, reference: reference, secretFile: file) }

    @Test("only the signature of exactly these bytes, with exactly this secret, counts")
    func signatures() throws {
        let folder = try Folder()
        let rule = rule(try folder.file(Self.secret + "\n"))
        let right = Self.signature(Self.body)
        #expect(rule.verdict(on: delivery(right), body: Self.body) == .accepted)
        #expect(rule.verdict(on: delivery(right.uppercased()), body: Self.body) == .accepted)
        for wrong in [nil, "", "00", String(right.dropLast()), Self.signature(Self.body, Self.secret + "x"), "é"] {
            #expect(rule.verdict(on: delivery(wrong), body: Self.body) == .refused, "\(wrong ?? "none")")
        }
        #expect(rule.verdict(on: delivery(right), body: Self.body + [0x20]) == .refused)
    }

    @Test("a token must be the whole secret")
    func tokens() throws {
        let rule = rule(try Folder().file(Self.secret))
        let folder = try Folder()
        let own = self.rule(try folder.file(Self.secret))
        func verdict(_ token: String) -> HookRule.Verdict {
            let fields = ["x-gitlab-event": "Push Hook", "x-gitlab-token": token]
            return own.verdict(on: HookDelivery(field: { fields[$0] }, body: Self.body), body: Self.body)
        }
        #expect(verdict(Self.secret) == .accepted)
        for wrong in ["", String(Self.secret.dropLast()), Self.secret + "\n"] { #expect(verdict(wrong) == .refused) }
        // Its folder is gone.
        #expect(rule.verdict(on: delivery(Self.signature(Self.body)), body: Self.body) == .unreadableSecret)
    }

    @Test("a secret that is too short accepts nobody")
    func short() throws {
        let folder = try Folder()
        let rule = rule(try folder.file("short"))
        #expect(rule.verdict(on: delivery(Self.signature(Self.body, "short")), body: Self.body) == .unreadableSecret)
        #expect(
            self.rule(try folder.file("")).verdict(on: delivery(Self.signature(Self.body, "")), body: Self.body)
                == .unreadableSecret)
    }

    @Test(
        "only what the project reads has git checked",
        arguments: [
            (ProjectReference.branch("main"), "refs/heads/main", true), (.branch("main"), "refs/heads/main2", false),
            (.branch("main"), "refs/heads/feature/main", false), (.tag("v1"), "refs/tags/v1", true),
            (.tag("v1"), "refs/heads/v1", false), (.semver(">=1"), "refs/tags/v2", true),
            (.semver(">=1"), "refs/heads/main", false), (.commit("0"), "refs/heads/x", true),
        ])
    func references(_ reference: ProjectReference, _ pushed: String, _ isAccepted: Bool) {
        let body = Data("{\"ref\":\"\(pushed)\"}".utf8)
        let verdict = rule(nil, reference).verdict(on: delivery(nil, body), body: body)
        #expect(verdict == (isAccepted ? .accepted : .otherReference))
    }

    @Test("a greeting and other events have nothing checked, and need the proof too")
    func others() throws {
        let folder = try Folder()
        let rule = rule(try folder.file(Self.secret))
        let right = Self.signature(Self.body)
        #expect(rule.verdict(on: delivery(right, event: "ping"), body: Self.body) == .greeted)
        #expect(rule.verdict(on: delivery(right, event: "issues"), body: Self.body) == .otherEvent)
        #expect(rule.verdict(on: delivery(nil, event: "ping"), body: Self.body) == .refused)
    }

    @Test("projects that share a secret: only the one whose repository is named is checked, or all if none is")
    func shared() throws {
        let folder = try Folder()
        let file = try folder.file(Self.secret)
        let other = try folder.file("another-secret-of-a-hook", "other")
        let signed = delivery(Self.signature(Self.body))
        let risk = rule(file, repo: "https://git.example.com/risk/models.git")
        let ads = rule(file, project: "ads", repo: "https://git.example.com/ads/models.git")
        let own = rule(other, project: "own", repo: "https://git.example.com/risk/models.git")
        let open = rule(nil, project: "open", repo: "/srv/open")
        let decision = HookDecision(signed, body: Self.body, rules: [risk, ads, own])
        #expect(decision.checked == ["risk"] && decision.verdicts["own"] == .refused && !decision.isRefused)
        #expect(
            HookDecision(signed, body: Self.body, rules: [ads, rule(file, repo: "/mirror")]).checked == ["ads", "risk"])
        #expect(HookDecision(delivery(nil), body: Self.body, rules: [risk, own]).isRefused)
        #expect(HookDecision(delivery(nil), body: Self.body, rules: [risk, open]).checked == ["open"])
    }
}
