import Foundation
import Testing

@testable import ControlAPI

/// Headers and bodies as the servers' documentation shows them, shortened.
@Suite("Reading what git servers send")
struct HookDeliveryTests {
    private func delivery(_ fields: [String: String], _ body: String) -> HookDelivery {
        HookDelivery(field: { fields[$0] }, body: Data(body.utf8))
    }

    @Test("GitHub: a push, its signature and its repository, as JSON and as a form")
    func gitHub() {
        let fields = [
            "x-github-event": "push", "x-hub-signature-256": "sha256=00ff", "x-github-delivery": "72d3162e",
        ]
        let body =
            #"{"ref":"refs/heads/main","repository":{"full_name":"Risk/Models","clone_url":"https://github.com/Risk/Models.git","#
            + #""ssh_url":"git@github.com:Risk/Models.git"}}"#
        let found = delivery(fields, body)
        #expect(found.sender == .gitHub && found.event == .push(["refs/heads/main"]) && found.id == "72d3162e")
        #expect(found.proof == .signature("00ff") && found.repositories == ["risk/models"])
        let form = "payload=" + (body.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? "")
        #expect(delivery(fields, form).event == .push(["refs/heads/main"]))
        #expect(delivery(["x-github-event": "ping"], "{}").event == .greeting)
        #expect(delivery(["x-github-event": "issues"], "{}").event == .other)
        let tag = #"{"ref":"v1","ref_type":"tag"}"#
        #expect(delivery(["x-github-event": "create"], tag).event == .push(["refs/tags/v1"]))
    }

    @Test("GitLab: the secret comes as a token")
    func gitLab() {
        let found = delivery(
            ["x-gitlab-event": "Tag Push Hook", "x-gitlab-token": "t", "x-gitlab-event-uuid": "u"],
            #"{"ref":"refs/tags/v1","project":{"git_http_url":"https://gitlab.example.com/a/b/risk.git"}}"#)
        #expect(found.sender == .gitLab && found.proof == .token("t") && found.event == .push(["refs/tags/v1"]))
        #expect(found.repositories == ["b/risk"] && found.id == "u")
    }

    @Test("Gitea and Forgejo: their own headers win over GitHub's, which they send too")
    func gitea() {
        let found = delivery(
            [
                "x-gitea-event": "push", "x-gitea-signature": "aa", "x-github-event": "push",
                "x-hub-signature-256": "sha256=bb", "x-gitea-delivery": "g",
            ], #"{"ref":"refs/heads/main"}"#)
        #expect(found.sender == .gitea && found.proof == .signature("aa") && found.id == "g")
    }

    @Test("Bitbucket, Cloud and Data Center: several changes in one delivery")
    func bitbucket() {
        let cloud = delivery(
            ["x-event-key": "repo:push", "x-hub-signature": "sha256=cc", "x-request-uuid": "r"],
            #"{"push":{"changes":[{"new":{"type":"branch","name":"main"},"old":null},"#
                + #"{"new":null,"old":{"type":"tag","name":"v1"}}]},"#
                + #""repository":{"links":{"html":{"href":"https://bitbucket.org/risk/models"}}}}"#)
        #expect(cloud.event == .push(["refs/heads/main", "refs/tags/v1"]) && cloud.repositories == ["risk/models"])
        let own = delivery(
            ["x-event-key": "repo:refs_changed", "x-request-id": "q"],
            #"{"changes":[{"ref":{"id":"refs/heads/main"}}],"repository":{"links":{"clone":[{"href":"ssh://git@b:7999/r/m.git"}]}}}"#
        )
        #expect(own.event == .push(["refs/heads/main"]) && own.repositories == ["r/m"] && own.id == "q")
        #expect(delivery(["x-event-key": "diagnostics:ping"], "{}").event == .greeting)
    }

    @Test(
        "what is no delivery of a server is a script's, whatever stands in the body",
        arguments: ["", "x", "[]", "{\"ref\": 1}", "{\"changes\": {}}", "payload=%", "\u{0}"])
    func scripts(_ body: String) {
        let found = delivery([:], body)
        #expect(
            found.sender == .other && found.event == .push([]) && found.proof == .none && found.repositories.isEmpty)
    }

    @Test("references and ids are bounded")
    func bounds() {
        let long = String(repeating: "x", count: 5_000)
        let found = delivery(["x-github-event": "push", "x-github-delivery": long], "{\"ref\":\"refs/heads/\(long)\"}")
        #expect(found.event == .push([]) && found.id?.count == HookDelivery.longestId)
    }

    @Test(
        "a repository's name is the same for each form of its address",
        arguments: [
            "https://git.example.com/risk/models.git", "https://git.example.com:8443/Risk/Models",
            "git@h:risk/models.git",
            "ssh://git@h:22/team/risk/models", "/srv/git/risk/models.git", "file:///srv/git/risk/models",
        ])
    func names(_ address: String) { #expect(HookDelivery.repositoryName(address) == "risk/models") }
}
