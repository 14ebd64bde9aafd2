import ControlPorts
import Foundation
import ModelManifests
import Rollouts
import Serving
import Testing

@testable import ControlAPI

@Suite("What a caller may see and do") struct CallerSurfaceTests {
    private static let other = DeploymentKey(namespace: "risk", name: "churn")

    private static func world() -> ScriptedSurface {
        var foreign = Samples.deployment
        foreign.namespace = "risk"
        foreign.name = "churn"
        foreign.stable?.revision = Revision(rawValue: "ffffffffff")
        foreign.candidate = nil
        foreign.desired = nil
        let surface = ScriptedSurface {
            $0.status = Samples.status
            $0.status.deployments.append(foreign)
            $0.history = [
                HistoryEntry(
                    revision: Revision(rawValue: "aaaaaaaaaa"), version: "2", commit: nil, startedAt: Samples.now,
                    endedAt: nil, outcome: "stable", reason: "r")
            ]
            $0.log = [LogLine(revision: Revision(rawValue: "aaaaaaaaaa"), instance: "i", text: "t")]
        }
        for index in 0..<40 { surface.append(.warning, on: index % 4 == 0 ? Samples.key : other, "\(index)") }
        return surface
    }

    private func seen(
        _ role: AccessRole, _ scope: AccessScope = .everything, of surface: ScriptedSurface = world()
    ) -> AuthorizedSurface {
        AuthorizedSurface(surface: surface, caller: Caller(name: "ci", role: role, scope: scope))
    }

    /// Every operation, by name.
    private static let questions: [(String, AccessPermission, @Sendable (AuthorizedSurface) async throws -> Void)] = [
        ("status", .look, { _ = try await $0.status() }),
        ("one status", .look, { _ = try await $0.status(of: Samples.key) }),
        ("history", .look, { _ = try await $0.history(of: Samples.key) }),
        ("explain", .look, { _ = try await $0.explanation(of: Samples.key) }),
        ("rollouts", .look, { _ = try await $0.recordedRollouts(of: Samples.key) }),
        ("readings", .look, { _ = try await $0.recordedReadings(of: 1, in: Samples.key, after: 0, limit: 1) }),
        ("events", .look, { _ = try await $0.events(matching: EventFilter(), limit: 1) }),
        ("its events", .look, { _ = try await $0.events(matching: EventFilter(deployment: Samples.key), limit: 1) }),
        ("stream", .look, { _ = try await $0.eventStream() }),
        ("logs", .readLogs, { _ = try await $0.logs(of: Samples.key, revision: nil, lines: 1) }),
        ("act", .act, { _ = try await $0.act(OperatorCommand(.abort), on: Samples.key) }),
        ("report", .report, { _ = try await $0.report([]) }),
        ("sync", .sync, { _ = try await $0.sync(nil) }),
        ("metrics", .measure, { _ = try await $0.metrics() }),
        ("targets", .measure, { _ = try await $0.scrapeTargets() }),
    ]

    @Test(
        "each role may do what it is for, and every refusal names the role that is needed",
        arguments: AccessRole.allCases)
    func roles(role: AccessRole) async throws {
        let allowed: [AccessRole: Set<AccessPermission>] = [
            .viewer: [.look, .measure], .operator: [.look, .measure, .readLogs, .act, .report],
            .admin: Set(AccessPermission.allCases), .metrics: [.measure],
        ]
        for (name, permission, ask) in Self.questions {
            if allowed[role]?.contains(permission) == true {
                try await ask(seen(role))
            } else {
                let refused = await #expect(throws: AccessError.self, "\(name)") { try await ask(seen(role)) }
                #expect(refused?.message.contains("role \(permission.neededRole.rawValue) is needed") == true)
            }
        }
    }

    @Test(
        "a deployment outside of the scope looks as if it did not exist, for every request",
        arguments: [["payments"], ["pay*"], ["x", "payments"]])
    func scope(namespaces: [String]) async throws {
        let surface = Self.world()
        let own = seen(.operator, AccessScope(namespaces: namespaces), of: surface)
        #expect(try await own.status().deployments.map(\.deployment) == [Samples.key])
        let other = Self.other
        let missing = DeploymentKey(namespace: "risk", name: "nobody")
        for (key, asks) in [other, missing].map({ key in
            (
                key,
                [
                    { _ = try await own.status(of: key) }, { _ = try await own.history(of: key) },
                    { _ = try await own.logs(of: key, revision: nil, lines: 1) },
                    { _ = try await own.explanation(of: key) }, { _ = try await own.recordedRollouts(of: key) },
                    { _ = try await own.recordedReadings(of: 1, in: key, after: 0, limit: 1) },
                    { _ = try await own.events(matching: EventFilter(deployment: key), limit: 1) },
                    { _ = try await own.act(OperatorCommand(.abort), on: key) },
                ] as [() async throws -> Void]
            )
        }) {
            for ask in asks {
                let refused = await #expect(throws: ControlError.self) { try await ask() }
                #expect(refused?.code == .notFound && refused?.message.contains("'\(key)'") == true)
            }
        }
        #expect(surface.read { $0.commands.isEmpty })
        #expect(try await own.act(OperatorCommand(.abort), on: Samples.key).phase == .rollingBack)
    }

    @Test("events of other scopes are skipped, however many there are")
    func events() async throws {
        let own = seen(.viewer, AccessScope(namespaces: ["payments"]))
        #expect(try await own.events(matching: EventFilter(), limit: 3).map(\.event.message) == ["36", "32", "28"])
        #expect(try await own.events(matching: EventFilter(), limit: 100).count == 10)
        #expect(try await own.events(matching: EventFilter(afterId: 30), limit: 100).count == 2)
        #expect(try await seen(.viewer, AccessScope(namespaces: ["x"])).events(matching: EventFilter(), limit: 3) == [])
    }

    @Test("metrics cover all deployments, so a limited caller gets none; targets are those of its deployments")
    func measures() async throws {
        let own = seen(.viewer, AccessScope(namespaces: ["payments"]))
        await #expect(throws: AccessError.self) { try await own.metrics() }
        #expect(try await own.scrapeTargets() == [])
    }

    @Test("an unknown project matches no list of projects")
    func projects() async throws {
        let own = seen(.operator, AccessScope(projects: ["risk"]))
        #expect(try await own.status().deployments.isEmpty)
        await #expect(throws: ControlError.self) { try await own.act(OperatorCommand(.abort), on: Samples.key) }
        #expect(try await own.events(matching: EventFilter(), limit: 10).isEmpty)
        let scope = AccessScope(namespaces: ["a*"], projects: ["risk"])
        #expect(scope.includes(namespace: "ab", project: "risk"))
        #expect(
            !scope.includes(namespace: "b", project: "risk") && !scope.includes(namespace: "ab", project: "riskier"))
    }

    @Test("problems of other projects' manifests are not shown")
    func diagnostics() async throws {
        #expect(try await seen(.viewer).status().sources.first?.diagnostics.count == 1)
        let own = try await seen(.viewer, AccessScope(namespaces: ["payments"])).status()
        #expect(own.sources.map(\.commit) == ["1f0c2ab9"] && own.sources.first?.diagnostics == [])
    }

    @Test("the actor is the verified caller; the client's claim stays a claim, and is left out if it is the same")
    func actors() async throws {
        for (caller, claim, kept) in [
            ("ci", "ada", "ada"), ("ci", "ci", nil), ("local:ada", "ada", nil), ("local:ada", "bob", "bob"),
            ("ci", nil, nil),
        ] as [(String, String?, String?)] {
            let surface = Self.world()
            let own = AuthorizedSurface(surface: surface, caller: Caller(name: caller, role: .admin))
            _ = try await own.act(OperatorCommand(.abort, actor: "forged", claimedActor: claim), on: Samples.key)
            #expect(surface.read { $0.commands.first }?.actor == caller)
            #expect(surface.read { $0.commands.first }?.claimedActor == kept)
        }
    }

    @Test("outcomes of requests that a deployment outside of the scope has answered are refused one by one")
    func outcomes() async throws {
        let surface = Self.world()
        let own = seen(.operator, AccessScope(namespaces: ["payments"]), of: surface)
        func outcome(_ revision: String) -> ReportedOutcome {
            ReportedOutcome(requestId: "\(revision)-0000000000000000-0000000000000000", label: "correct", value: 1)
        }
        let receipt = try await own.report([outcome("aaaaaaaaaa"), outcome("ffffffffff"), outcome("cccccccccc")])
        #expect(receipt.accepted == 2 && receipt.refused == 1)
        #expect(receipt.refusals.first?.requestId.hasPrefix("ffffffffff") == true)
    }

    @Test(
        "a claim is cut to one short line of visible characters",
        arguments: [
            ("ada", "ada"), (" ada\n", "ada"), ("a\u{1B}[31md\r\na", "a[31md a"), ("\u{202E}ada\u{0}", "ada"),
            ("", nil), ("\r\n\t", nil), (String(repeating: "x", count: 500), String(repeating: "x", count: 128)),
        ] as [(String, String?)])
    func claims(text: String, kept: String?) { #expect(ControlAction.claim(text) == kept) }
}
