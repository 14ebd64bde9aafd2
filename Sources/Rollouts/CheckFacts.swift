/// What every check is told in its environment, wherever it runs.
public enum CheckFacts {
    public static let revision = "MLCTL_REVISION"
    public static let candidateURL = "MLCTL_CANDIDATE_URL"
    public static let stableURL = "MLCTL_STABLE_URL"
    public static let endpoint = "MLCTL_ENDPOINT"

    /// What is true of the rollout: a manifest's own variables do not write over these. Of what there is not, there is none.
    ///
    /// - Parameters:
    ///   - candidate: where the candidate answers, as whoever runs the check reaches it.
    ///   - stable: where stable does.
    public static func variables(of inquiry: Inquiry, candidate: String?, stable: String?) -> [String: String] {
        var variables = [revision: inquiry.candidate.revision.rawValue]
        variables[candidateURL] = candidate
        variables[stableURL] = stable
        variables[endpoint] = inquiry.endpoint
        return variables
    }

    /// The model's, which a manifest may write over.
    public static func defaults(of inquiry: Inquiry, modelFolder: String) -> [String: String] {
        [
            "MODEL_NAME": inquiry.deployment.name, "MODEL_VERSION": inquiry.candidate.version,
            "MODEL_DIR": modelFolder,
        ]
    }
}
