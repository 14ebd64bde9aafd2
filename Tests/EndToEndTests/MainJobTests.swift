import Commands
import ControlAPI
import Demo
import Foundation
import FoundationNetworking
import TestSupport
import Testing

@Suite("The main job", .serialized)
struct MainJobTests {
    @Test("the demo runs as described: one version is promoted, one rolled back, and no other request fails")
    func demo() async throws {
        try await withInstallation { installation in
            let result = try installation.mlctl("demo")
            print(result.output)
            #expect(result.status == 0, "\(result.output)\n\(result.error)")
            for line in ["requests served", "version 2 was promoted", "first bad request to restored traffic"] {
                #expect(result.output.contains(line))
            }
        }
    }

    @Test("evidence promotes a good version and rolls a bad one back, under load, and CI can wait for both")
    func promoteAndRollBack() async throws {
        try await withInstallation { installation in
            try installation.commit(["model.yaml": installation.manifest("good-1")])
            try await installation.start()
            let first = try await installation.wait("model", for: "version 1 serves") { $0.phase == .healthy }
            let endpoint = try #require(first.endpoint)
            let load = SteadyLoad(ratePerSecond: 200)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await load.run(against: endpoint) }
                defer { group.cancelAll() }

                let good = try installation.commit(["model.yaml": installation.manifest("good-2")])
                try await installation.sync()
                let waited = try installation.mlctl(
                    "wait", "model", "-n", "test", "--for", "healthy", "--commit", good, "--timeout", "60s")
                #expect(waited.status == 0, "\(waited.error)")
                let stable = try await installation.status("model")?.stable
                #expect(stable?.version == "good-2")
                #expect(load.errors == 0)

                let bad = try installation.commit(["model.yaml": installation.manifest("failing-3")])
                try await installation.sync()
                let refused = try installation.mlctl(
                    "wait", "model", "-n", "test", "--for", "healthy", "--commit", bad, "--timeout", "60s")
                #expect(refused.status == 3, "\(refused.output) \(refused.error)")
                let rolledBack = try installation.mlctl(
                    "wait", "model", "-n", "test", "--for", "rolledback", "--commit", bad, "--timeout", "60s")
                #expect(rolledBack.status == 0, "\(rolledBack.error)")
            }
            let found = try await installation.status("model")
            let end = try #require(found)
            #expect(end.phase == .rolledBack)
            #expect(end.stable?.version == "good-2")
            #expect(end.quarantined.map(\.version) == ["failing-3"])
            #expect(load.broken == 0, "\(load.reasons)")
            for version in ["good-1", "good-2", "failing-3"] { #expect(installation.starts(of: version) == 1) }
        }
    }

    @Test(
        "a controller that is killed during a rollout loses no request, loads nothing again, and ends the rollout as intended"
    )
    func controllerKilled() async throws {
        try await withInstallation { installation in
            try installation.commit(["model.yaml": installation.manifest("good-1")])
            try await installation.start()
            let first = try await installation.wait("model", for: "version 1 serves") { $0.phase == .healthy }
            let load = SteadyLoad(ratePerSecond: 200)
            try await withThrowingTaskGroup(of: Void.self) { group in
                let endpoint = try #require(first.endpoint)
                group.addTask { try await load.run(against: endpoint) }
                defer { group.cancelAll() }
                try await installation.deploy("good-2")
                for weight in [0, 20, 50] {
                    try await installation.wait("model", for: "a weight of \(weight)") {
                        ($0.candidate?.weight ?? 100) >= weight
                    }
                    installation.killController()
                    try await installation.start()
                }
                try await installation.wait("model", for: "version 2 is promoted") {
                    $0.phase == .healthy && $0.stable?.version == "good-2"
                }
            }
            #expect(load.broken + load.errors == 0, "\(load.reasons)")
            #expect(load.total > 100)
            #expect(installation.starts(of: "good-1") == 1)
            #expect(installation.starts(of: "good-2") == 1)
        }
    }

    @Test("after SIGTERM the models continue to serve, and mlctl down stops them")
    func downStops() async throws {
        try await withInstallation { installation in
            try installation.commit(["model.yaml": installation.manifest("good-1")])
            try await installation.start()
            let status = try await installation.wait("model", for: "it serves") { $0.phase == .healthy }
            let refused = try installation.mlctl("down", "--state-dir", installation.state.path(percentEncoded: false))
            #expect(refused.status == 2, "\(refused.output)")
            try installation.stopController()
            let url = try #require(status.endpoint.flatMap { URL(string: $0) })
            let (data, _) = try await URLSession.shared.data(from: url)
            #expect(String(decoding: data, as: UTF8.self) == "good-1")
            let down = try installation.mlctl("down", "--state-dir", installation.state.path(percentEncoded: false))
            #expect(down.status == 0, "\(down.error)")
            await #expect(throws: (any Error).self) { try await URLSession.shared.data(from: url) }
        }
    }
}
