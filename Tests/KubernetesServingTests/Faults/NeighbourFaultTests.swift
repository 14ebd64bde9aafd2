import Foundation
import KubernetesClient
import ModelManifests
import TestSupport
import Testing

@testable import KubernetesServing

@Suite("Faults: two controllers with the same name", .serialized, .timeLimit(.minutes(10)))
struct NeighbourFaultTests {
    @Test("of one repository decide once, whichever comes first")
    func sameRepository() async throws {
        let first = try await FaultyCluster("1")
        let second = try await FaultyCluster("1", over: first)
        try await first.run { first in
            try await second.run { second in
                try await first.waitUntilServing("1")
                for cluster in [first, second] { await cluster.commit("2") }
                try await first.waitUntilServing("2")
                try await second.waitUntilServing("2")
                // Until both have read the commit, each reverts what the other wrote.
                #expect(await first.shown()?.startedRollouts == 2)
            }
        }
    }

    @Test("of two repositories one gives way and says what to do; they do not keep taking it from each other")
    func otherRepository() async throws {
        let first = try await FaultyCluster("1")
        let second = try await FaultyCluster("2", repository: "other", over: first)
        try await first.run { first in
            try await first.waitUntilServing("1")
            try await second.run { second in
                try await second.waitUntilServing("2")
                try await first.waitForWords([
                    "taken over by a controller that is also called 'mlctl'", "another `name`",
                ])
                #expect(try #require(await first.shown()).metadata.generation <= 3)
                #expect(await second.readyPods("2") == 2)
            }
        }
    }

    @Test("with two names do not show each other's deployments")
    func otherName() async throws {
        let first = try await FaultyCluster("1")
        try await first.run { first in
            try await first.waitUntilServing("1")
            let second = try await FaultyCluster("", name: "team-b", over: first)
            try await second.run { second in
                try await second.waitUntilRead()
                let shown = await second.status()
                #expect(shown == nil, "\(shown.map { "\($0.phase): \($0.message)" } ?? "")")
            }
        }
    }

    @Test(
        "a controller whose clock is five minutes off continues where the other one stopped", arguments: [-300.0, 300])
    func clockOff(seconds: Double) async throws {
        let first = try await FaultyCluster("1")
        try await first.run { try await $0.waitUntilServing("1") }
        let second = try await FaultyCluster("2", clockOffSeconds: seconds, over: first)
        try await first.runCluster {
            try await second.run { try await $0.waitUntilServing("2") }
        }
        #expect(await first.shown()?.startedRollouts == 2)
    }
}
