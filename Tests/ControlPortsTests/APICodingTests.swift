import ControlPorts
import Foundation
import ModelManifests
import TestSupport
import Testing

@Suite struct APICodingTests {
    @Test("a status is decoded as it was encoded")
    func roundTrips() throws {
        let status = ControllerStatus(sources: [StatusSamples.source], deployments: [StatusSamples.progressing])
        let data = try APICoding.encode(status)
        #expect(try APICoding.decode(ControllerStatus.self, from: data) == status)
    }

    @Test("a missing value is null, so that programs find every key")
    func writesNulls() throws {
        let resting = DeploymentStatus(
            namespace: "a", name: "b", phase: .idle, since: StatusSamples.now.addingTimeInterval(0.25), message: "")
        let text = String(decoding: try APICoding.encode(resting), as: UTF8.self)
        for key in ["waitingFor", "deadlineAt", "endpoint", "desired", "stable", "candidate", "step"] {
            #expect(text.contains("\"\(key)\":null"))
        }
        #expect(text.contains(#""since":"2026-11-21T09:30:00.250Z""#))
    }

    @Test("missing keys are read as null, and fractions of seconds may be missing too")
    func readsLeniently() throws {
        let text = """
            {"namespace": "a", "name": "b", "phase": "Healthy", "since": "2026-11-21T09:30:00Z", "message": "",
             "gates": [], "quarantined": [], "conditions": []}
            """
        let status = try APICoding.decode(DeploymentStatus.self, from: Data(text.utf8))
        #expect(status.stable == nil && status.since == Date(timeIntervalSince1970: 1_795_253_400))
    }
}
