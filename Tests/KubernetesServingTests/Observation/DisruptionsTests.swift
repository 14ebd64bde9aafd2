import ModelManifests
import Testing

@testable import KubernetesServing

@Suite("Pods that the cluster removes")
struct DisruptionsTests {
    private let key = Sample.key

    private func pod(_ uid: String, isLost: Bool) throws -> PodObservation {
        let lost = isLost ? #""conditions":[{"type":"DisruptionTarget","status":"True","message":"drained"}]"# : ""
        return PodObservation(
            try Sample.pod(
                #"{"metadata":{"name":"\#(uid)","uid":"\#(uid)","labels":{"mlctl.dev/revision":"1111111111"}},"status":{\#(lost)}}"#
            ))
    }

    @Test("are remembered after they are gone, as long as their successors may load")
    func remembered() throws {
        var disruptions = Disruptions()
        disruptions.note([try pod("a", isLost: false)], of: key, now: .zero)
        #expect(disruptions.reasons(of: key, now: .zero).isEmpty)
        disruptions.note([try pod("a", isLost: true)], of: key, now: .seconds(1))
        disruptions.note([], of: key, now: .seconds(30))
        #expect(disruptions.reasons(of: key, now: .seconds(30))[Sample.one]?.contains("drained") == true)
        #expect(disruptions.reasons(of: key, now: .seconds(601)).isEmpty)
        disruptions.note([], of: key, now: .seconds(601))
        #expect(disruptions == Disruptions())
    }

    @Test("that remain visible, as ended pods do, do not excuse a revision for ever")
    func ended() throws {
        var disruptions = Disruptions()
        for second in stride(from: 0, through: 3600, by: 60) {
            disruptions.note([try pod("a", isLost: true)], of: key, now: .seconds(second))
        }
        #expect(disruptions.reasons(of: key, now: .seconds(3600)).isEmpty)
    }
}
