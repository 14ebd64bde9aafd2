import Analysis
import Foundation
import ModelManifests
import Serving

/// A question to the world outside that a decision asks. It is put once, however often the same decision is made; its
/// answer is an input of a later one.
public struct Inquiry: Hashable, Codable, Sendable {
    public enum Question: Hashable, Codable, Sendable {
        /// One value, of the candidate. The source fills in what placeholders say of the deployment.
        case measure(MetricQuery)
        /// Cumulative counters of both sides, of every instance at once or not at all.
        case counters(source: String, ratios: [CounterRatio])
        case check(CheckGate)
        case contract(ContractGate)
    }

    /// The same for the same question: `gate/ordinal`, or `source/ordinal` for counters.
    public var id: String
    public var deployment: DeploymentKey
    public var question: Question
    public var stable: Side?
    public var candidate: Side
    public var endpoint: String?
    /// Of the Services of a cluster; nil: theirs by default.
    public var servicePort: Int?
    /// When the evidence began: what is reported late of traffic from before is about another comparison.
    public var since: Date?

    /// A command that a manifest names.
    public var isCheck: Bool { if case .check = question { true } else { false } }

    /// One revision, and where it can be asked.
    public struct Side: Hashable, Codable, Sendable {
        public var revision: Revision
        public var version: String
        /// Its ready instances.
        public var instances: [InstanceObservation]
        public var metrics: RuntimeMetrics?
        /// What it is served by; nil where that does not matter to whoever asks.
        public var template: ServingTemplate?

        public init(
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

    public init(
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

/// What was found out for an inquiry.
public struct Finding: Hashable, Codable, Sendable {
    public enum Answer: Hashable, Codable, Sendable {
        case measured(Measured)
        case counters([Reading])
        case checked(CheckOutcome)
        case contract(ContractAnswer)
        /// The question could not be put at all.
        case failed(String)
    }

    public var inquiry: String
    /// Answers about another candidate are out of date.
    public var candidate: Revision
    public var at: Date
    public var answer: Answer

    public init(inquiry: String, candidate: Revision, at: Date, answer: Answer) {
        self.inquiry = inquiry
        self.candidate = candidate
        self.at = at
        self.answer = answer
    }
}
