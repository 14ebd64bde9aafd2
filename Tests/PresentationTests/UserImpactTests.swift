import ModelManifests
import Testing

@testable import Presentation

@Suite("What users notice of a plan")
struct UserImpactTests {
    private let key = DeploymentKey(namespace: "payments", name: "fraud-scorer")

    private func deployment(
        _ version: String, port: Int = 9000, endpoint: String = "",
        rollout: String = "{steps: [{setWeight: 25}, {setWeight: 100}]}", name: String = "fraud-scorer",
        more: String = ""
    ) throws -> ModelDeployment {
        let text = """
            apiVersion: mlctl.dev/v1alpha1
            kind: ModelDeployment
            metadata: {name: \(name), namespace: payments}
            spec:
              model: {version: "\(version)"}
              runtime: {command: [serve]}
              endpoint: {port: \(port)\(endpoint)}
              rollout: \(rollout)
            \(more)
            """
        let desired = DesiredState.resolve(files: [ManifestReader.read(text, file: "a.yaml")])
        #expect(desired.diagnostics.isEmpty, "\(desired.diagnostics)")
        return try #require(desired.deployments.values.first)
    }

    private func plan(_ after: ModelDeployment, _ before: ModelDeployment?) -> DeploymentPlan {
        DeploymentPlan(after, against: before.map { .assumed($0) } ?? .absent, before: before)
    }

    @Test("a rollout beside stable refuses nothing; one in its place does")
    func rollouts() throws {
        let one = try deployment("1")
        let canary = plan(try deployment("2"), one)
        #expect(
            canary.users
                == "version 2 answers 25, 100 % of requests, step by step; version 1 answers the others")
        #expect(canary.risks.isEmpty)
        for rollout in ["{strategy: recreate}", "{capacity: drainThenLoad, steps: [{setWeight: 100}]}"] {
            let plan = plan(try deployment("2", rollout: rollout), one)
            #expect(plan.risks == [.outage])
            #expect(plan.users == "nothing answers from when version 1 has stopped until version 2 is ready")
            // Where nothing serves, nothing is lost.
            #expect(self.plan(try deployment("2", rollout: rollout), nil).risks.isEmpty)
        }
        #expect(plan(try deployment("2", rollout: "{strategy: blueGreen}"), one).users.hasPrefix("all requests move"))
        #expect(plan(try deployment("2", rollout: "{strategy: shadow}"), one).users.contains("copies of requests"))
        let suspended = plan(try deployment("2", more: "  suspend: true"), one)
        #expect(suspended.users == "nothing yet: version 1 keeps answering" && suspended.risks.isEmpty)
    }

    @Test("another port is an outage for the clients of the old one, with or without a new version")
    func ports() throws {
        let one = try deployment("1")
        for version in ["1", "2"] {
            let plan = plan(try deployment(version, port: 9001), one)
            #expect(plan.risks == [.outage])
            #expect(
                plan.users.hasPrefix(
                    "requests to port 9000 are refused as soon as the commit is read: clients must use port 9001. "))
        }
        #expect(plan(one, one).risks.isEmpty && plan(one, one).users == "nothing: version 1 keeps answering")
        // A first deployment takes nobody's port away.
        #expect(plan(try deployment("1", port: 9001), nil).risks.isEmpty)
    }

    @Test(
        "a changed way in is an outage for the clients that it refuses",
        arguments: [
            ("", ", tls: {certificateFile: /c, keyFile: /k}", "requests by http: are refused"),
            (", tls: {certificateFile: /c, keyFile: /k}", "", "requests by https: fail"),
            (
                ", tls: {certificateFile: /c, keyFile: /k}",
                ", tls: {certificateFile: /c, keyFile: /k, clientCAFile: /ca}",
                "clients without a certificate of the authorities in /ca are refused"
            ),
            (
                ", tls: {certificateFile: /c, keyFile: /k}",
                ", tls: {certificateFile: /c, keyFile: /k, minimumVersion: \"1.3\"}",
                "clients without TLS 1.3 are refused"
            ),
            ("", ", address: \"::1\"", "requests to address 127.0.0.1 are refused"),
            (", address: 127.0.0.3", "", "requests to address 127.0.0.3 are refused"),
        ])
    func access(before: String, after: String, says: String) throws {
        let plan = plan(try deployment("1", endpoint: after), try deployment("1", endpoint: before))
        #expect(plan.change == .settings && plan.risks == [.outage])
        #expect(plan.users.hasPrefix(says), "\(plan.users)")
        #expect(plan.users.hasSuffix(". version 1 keeps answering"))
    }

    @Test("a way in that lets more clients in is no outage")
    func openedAccess() throws {
        let strict = ", tls: {certificateFile: /c, keyFile: /k, clientCAFile: /ca, minimumVersion: \"1.3\"}"
        let tls = ", tls: {certificateFile: /c, keyFile: /k}"
        #expect(plan(try deployment("1", endpoint: tls), try deployment("1", endpoint: strict)).risks.isEmpty)
        var everywhere = try deployment("1")
        everywhere.endpoint.address = "0.0.0.0"
        #expect(plan(everywhere, try deployment("1")).risks.isEmpty)
        #expect(plan(try deployment("1"), everywhere).risks == [.outage])
    }

    @Test("the port that counts is the one that serves, not that of a manifest that the controller refused")
    func servingPort() throws {
        let refused = try deployment("1", port: 9005)
        let plan = DeploymentPlan(
            try deployment("1", port: 9001), against: .assumed(try deployment("1")), before: refused)
        #expect(plan.users.hasPrefix("requests to port 9000 are refused"))
    }

    @Test("a removal says which requests are refused, and is no outage where nothing serves")
    func removal() throws {
        let one = try deployment("1")
        let removed = DeploymentPlan(key, .removed, from: .assumed(one), before: one)
        #expect(removed.change == .removed && removed.risks == [.removal, .outage])
        #expect(
            removed.users
                == "requests to http://127.0.0.1:9000 are refused from then on (running ones may end within 1m)")
        let other = DeploymentKey(namespace: "payments", name: "other")
        let renamed = DeploymentPlan(key, .renamed(to: other), from: .assumed(one), before: one)
        #expect(renamed.renamedTo == other && renamed.risks == [.removal, .outage])
        #expect(renamed.users.hasSuffix("payments/other is another deployment with an endpoint of its own"))
        let sameAddress = DeploymentPlan(
            key, .renamed(to: other, keepsAddress: true), from: .assumed(one), before: one)
        #expect(sameAddress.users.hasPrefix("nothing answers at http://127.0.0.1:9000 from when it has stopped"))
        let moved = DeploymentPlan(key, .moved(toProject: "ads"), from: .assumed(one), before: one)
        #expect(moved.movedTo == "ads" && moved.risks == [.outage])
        let kept = DeploymentPlan(key, .kept(reason: "r", remedy: "do"), from: .assumed(one), before: one)
        #expect(kept.change == .kept && kept.risks.isEmpty && kept.warnings == ["do"])
        #expect(kept.users == "nothing: version 1 keeps answering")
        let never = DeploymentPlan(key, .removed, from: .absent, before: nil)
        #expect(never.risks == [.removal] && never.users == "nothing: no version of it answers")
    }

    @Test("a rename is the same file or the same serving template, and each name is used once")
    func renames() throws {
        let (one, two) = (try deployment("1").template, try deployment("2").template)
        func key(_ name: String) -> DeploymentKey { DeploymentKey(namespace: "n", name: name) }
        #expect(
            DeploymentPlan.renames(gone: [key("a"): ("a.yaml", one)], new: [key("b"): ("b.yaml", one)])
                == [key("a"): key("b")])
        #expect(
            DeploymentPlan.renames(gone: [key("a"): ("a.yaml", one)], new: [key("b"): ("a.yaml", two)])
                == [key("a"): key("b")])
        #expect(
            DeploymentPlan.renames(gone: [key("a"): ("a.yaml", one)], new: [key("b"): ("b.yaml", two)]).isEmpty)
        // The surest pair comes first, whatever the order of names.
        #expect(
            DeploymentPlan.renames(
                gone: [key("a"): ("x.yaml", one), key("b"): ("y.yaml", one)],
                new: [key("c"): ("y.yaml", one), key("d"): ("z.yaml", one)])
                == [key("b"): key("c"), key("a"): key("d")])
        #expect(
            DeploymentPlan.renames(
                gone: [key("a"): ("x.yaml", one), key("b"): ("y.yaml", one)], new: [key("c"): ("z.yaml", one)]
            ).count
                == 1)
    }

    @Test("a move between projects is an outage on both sides of the plan")
    func move() throws {
        let one = try deployment("1")
        let arrival = DeploymentPlan(one, against: .absent, movedFrom: "risk")
        #expect(arrival.risks == [.outage] && arrival.movedFrom == "risk")
        #expect(arrival.text.contains("moves here from project 'risk'"))
    }

    @Test("nothing happens where all serves already, and the summary says so")
    func nothing() throws {
        let one = try deployment("1")
        let same = plan(one, one)
        #expect(same.change == .unchanged)
        #expect(PlanText.summary([same]) == "nothing happens: it serves already")
        #expect(PlanText.summary([]) == "nothing happens: there is no ModelDeployment")
        let removed = DeploymentPlan(key, .removed, from: .assumed(one), before: one)
        #expect(PlanText.summary([same, removed]) == "1 to be stopped, 1 unchanged")
    }
}
