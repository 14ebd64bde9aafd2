import Analysis
import Foundation
import ModelManifests
import Serving

/// A question that a decision asks of an outside system. It is asked once, however often the same decision is made, and
/// its answer is an input of a later decision.
package struct Inquiry: Hashable, Codable, Sendable {
    package enum Question: Hashable, Codable, Sendable {
        /// One value of the candidate. The source fills in the placeholders.
        case measure(MetricQuery)
        /// Cumulative counters of both sides: of all instances, or none.
        case counters(source: String, ratios: [CounterRatio])
        case check(CheckGate)
        case contract(ContractGate)
    }

    /// Equal for the same question: `gate:NAME/ORDINAL` or `counters:SOURCE/ORDINAL`.
    package var id: String
    package var deployment: DeploymentKey
    package var question: Question
    package var stable: Side?
    package var candidate: Side
    package var endpoint: String?
    /// The port of the Services in a cluster. Nil: their default port.
    package var servicePort: Int?
    /// When the evidence began. Late reports about earlier traffic belong to another comparison.
    package var since: Date?

    /// Whether it runs a command that a manifest names.
    package var isCheck: Bool { if case .check = question { true } else { false } }

    /// One revision, and where to reach it.
    package struct Side: Hashable, Codable, Sendable {
        package var revision: Revision
        package var version: String
        /// Its ready instances.
        package var instances: [InstanceObservation]
        package var metrics: RuntimeMetrics?
        /// Its serving template. Nil if the caller does not need it.
        package var template: ServingTemplate?

        package init(
            revision: Revision, version: String, instances: [InstanceObservation], metrics: RuntimeMetrics? = nil,
            template: ServingTemplate? = nil
        ) {
            self.revision = revision
            self.version = version
            self.instances = instances
            self.metrics = metrics
            self.template = template
        }
    }

    package init(
        id: String, deployment: DeploymentKey, question: Question, stable: Side?, candidate: Side,
        endpoint: String? = nil, servicePort: Int? = nil, since: Date? = nil
    ) {
        self.id = id
        self.deployment = deployment
        self.question = question
        self.stable = stable
        self.candidate = candidate
        self.endpoint = endpoint
        self.servicePort = servicePort
        self.since = since
    }
}

/// The answer to an inquiry.
package struct Finding: Hashable, Codable, Sendable {
    package enum Answer: Hashable, Codable, Sendable {
        case measured(Measured)
        case counters([Reading])
        case checked(CheckOutcome)
        case contract(ContractAnswer)
        /// The question could not be asked.
        case failed(String)
    }

    package var inquiry: String
    /// The candidate of the question. Answers about another candidate are outdated.
    package var candidate: Revision
    package var at: Date
    package var answer: Answer

    package init(inquiry: String, candidate: Revision, at: Date, answer: Answer) {
        self.inquiry = inquiry
        self.candidate = candidate
        self.at = at
        self.answer = answer
    }
}

/// The environment variables that every check gets, wherever it runs.
package enum CheckVariables {
    package static let revision = "MLCTL_REVISION"
    package static let candidateURL = "MLCTL_CANDIDATE_URL"
    package static let stableURL = "MLCTL_STABLE_URL"
    package static let endpoint = "MLCTL_ENDPOINT"

    /// Facts about the rollout. A manifest's own variables cannot override them. A missing fact has no variable.
    ///
    /// - Parameters:
    ///   - candidate: the candidate's URL, as the process that runs the check reaches it.
    ///   - stable: the stable revision's URL.
    package static func variables(of inquiry: Inquiry, candidate: String?, stable: String?) -> [String: String] {
        var variables = [revision: inquiry.candidate.revision.rawValue]
        variables[candidateURL] = candidate
        variables[stableURL] = stable
        variables[endpoint] = inquiry.endpoint
        return variables
    }

    /// Variables of the model. A manifest may override them.
    package static func defaults(of inquiry: Inquiry, modelFolder: String) -> [String: String] {
        [
            "MODEL_NAME": inquiry.deployment.name, "MODEL_VERSION": inquiry.candidate.version,
            "MODEL_DIR": modelFolder,
        ]
    }
}
