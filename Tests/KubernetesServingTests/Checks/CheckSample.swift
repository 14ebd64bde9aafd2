import Foundation
import KubernetesClient
import ModelManifests
import Rollouts
import Serving

@testable import KubernetesServing

/// Sample checks for tests.
enum CheckSample {
    static let gate = CheckGate(command: ["python", "evaluate.py"], timeout: .seconds(300))

    static func inquiry(
        _ gate: CheckGate = CheckSample.gate, run: Int = 1, key: DeploymentKey = Sample.key,
        template: ServingTemplate = Sample.template("2"), hasStable: Bool = true, endpoint: String? = nil,
        port: Int? = nil, since: Date = Date(timeIntervalSince1970: 1_800_000_000)
    ) -> Inquiry {
        Inquiry(
            id: "gate:golden/\(run)", deployment: key, question: .check(gate),
            stable: hasStable ? Inquiry.Side(revision: Sample.one, version: "1", instances: []) : nil,
            candidate: Inquiry.Side(revision: Sample.two, version: "2", instances: [], template: template),
            endpoint: endpoint, servicePort: port, since: since)
    }

    static func job(
        _ gate: CheckGate = CheckSample.gate, _ inquiry: Inquiry? = nil, owner: OwnerReference? = nil
    ) throws -> CheckJob {
        try CheckJobRendering(inquiry: inquiry ?? self.inquiry(gate), gate: gate, settings: Sample.settings)
            .job(owner: owner)
    }
}
