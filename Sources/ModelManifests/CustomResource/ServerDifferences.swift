/// Where `mlctl validate` and an API server with the CustomResourceDefinition disagree, and why that stays so.
///
/// mlctl reads every object before it writes it to a cluster. An object that only mlctl refuses was written by somebody else;
/// its status says what is wrong. The README has this list, word by word.
package enum ServerDifference: String, CaseIterable, Sendable {
    /// `version: 1.10`, `cpu: 0.5`: text in git. The API server sees a number, and accepts integers only. mlctl writes text.
    case decimalWithoutQuotes
    /// `replicas:` without a value means "not given" in git. The API server drops it on create, and refuses it in server-side
    /// apply.
    case null
    /// `metadata.labels` and `metadata.annotations`: the API server checks them by its own rules, whatever the definition says.
    case serverOwnRules
    /// ServingRuntimes, GateTemplates and PredictionProfiles are read from git; a cluster does not have them.
    case references
    /// The ports that probes and metrics name, and the observations that gates name, must exist.
    case namesWithin
    /// `podTemplate`, `imagePullSecrets` and `traffic.observe` can hold several types, so the API server does not check them.
    case openObjects
    /// Keys of `nodeSelector`, resource names and amounts, requests above limits: a CEL rule for them has no bounded cost.
    case quantitiesAndKeys
    /// Queries, conditions and JSON paths have languages of their own.
    case languages
    /// Gates that a strategy or a router cannot judge, and repeated variables of checks: a CEL rule would visit too many fields.
    case gatesInTheirPlace
    /// Ports of the machine that mlctl needs itself, and two deployments that want one port or each other's names.
    case otherDeployments

    /// The difference in words, for people.
    package var text: String {
        switch self {
        case .decimalWithoutQuotes:
            "numbers with a decimal point where text or a quantity is expected (`version: 1.10`, `cpu: 0.5`): git accepts "
                + "them and keeps them as written; with kubectl they need quotes"
        case .null:
            "a field without a value (`replicas:`): in git it counts as not given; server-side apply refuses it"
        case .serverOwnRules:
            "labels and annotations: the API server checks them by its own rules, not by the definition"
        case .references:
            "ServingRuntimes, GateTemplates and PredictionProfiles that a manifest names: only git has them"
        case .namesWithin: "ports that probes name, and observations that gates name"
        case .openObjects: "the contents of `podTemplate`, `imagePullSecrets` and `traffic.observe`"
        case .quantitiesAndKeys:
            "keys of `nodeSelector`, names and amounts of resources, and requests above limits"
        case .languages: "queries, conditions and JSON paths"
        case .gatesInTheirPlace:
            "gates that a strategy or a router cannot judge, and repeated variables of `check` gates"
        case .otherDeployments: "ports that mlctl needs itself, and ports and names that two deployments cannot share"
        }
    }
}
