/// What `mlctl validate` and an API server with the CustomResourceDefinition do not say alike, and why it stays so.
///
/// What mlctl writes into a cluster it has read before: an object that only mlctl refuses gets there by other hands, and
/// its status says what is wrong. The README has this list, word by word.
public enum ServerDifference: String, CaseIterable, Sendable {
    /// `version: 1.10`, `cpu: 0.5`: text in git; the API server gets a number, and takes whole ones only. mlctl writes text.
    case decimalWithoutQuotes
    /// `replicas:` is "not given" in git. The API server drops it from what is created, and refuses it in server-side apply.
    case null
    /// `metadata.labels` and `metadata.annotations`: the API server's own rules refuse them, whatever the definition says.
    case serverOwnRules
    /// ServingRuntimes, GateTemplates and PredictionProfiles are read from git: no cluster knows them.
    case references
    /// Which ports probes and metrics may name, and which observations gates may.
    case namesWithin
    /// What stands in `podTemplate`, in `imagePullSecrets` and in `traffic.observe` is of several types: it is not looked at.
    case openObjects
    /// Keys of `nodeSelector`, names and amounts of resources, requests above limits: the cost of a rule would have no bound.
    case quantitiesAndKeys
    /// Queries, conditions and paths into JSON have a language of their own.
    case languages
    /// Gates that a strategy or a router cannot judge, and repeated variables of checks: there is too much to walk through.
    case gatesInTheirPlace
    /// Ports of one machine that mlctl needs itself, and two deployments that want one port, or names of one another.
    case otherDeployments

    /// For people.
    public var text: String {
        switch self {
        case .decimalWithoutQuotes:
            "numbers with a decimal point where text or a quantity is wanted (`version: 1.10`, `cpu: 0.5`): fine in git, where "
                + "they are kept as written; with kubectl they need quotes"
        case .null:
            "a field with nothing behind it (`replicas:`): not given in git; server-side apply refuses it"
        case .serverOwnRules:
            "labels and annotations: the API server refuses them by its own rules, not by the definition's"
        case .references:
            "ServingRuntimes, GateTemplates and PredictionProfiles that a manifest names: they are in git alone"
        case .namesWithin: "ports that probes name, and observations that gates name"
        case .openObjects: "what stands in `podTemplate`, `imagePullSecrets` and `traffic.observe`"
        case .quantitiesAndKeys:
            "keys of `nodeSelector`, names and amounts of resources, and requests above limits"
        case .languages: "queries, conditions and paths into JSON"
        case .gatesInTheirPlace:
            "gates that a strategy or a router cannot judge, and repeated variables of `check` gates"
        case .otherDeployments: "ports that mlctl needs itself, and what two deployments cannot both have"
        }
    }
}
