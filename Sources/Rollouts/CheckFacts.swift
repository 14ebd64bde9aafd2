/// The environment variables that every check gets, wherever it runs.
public enum CheckFacts {
    public static let revision = "MLCTL_REVISION"
    public static let candidateURL = "MLCTL_CANDIDATE_URL"
    public static let stableURL = "MLCTL_STABLE_URL"
    public static let endpoint = "MLCTL_ENDPOINT"

    /// Facts about the rollout. A manifest's own variables cannot override them. A missing fact has no variable.
    ///
    /// - Parameters:
    ///   - candidate: the candidate's URL, as the process that runs the check reaches it.
    ///   - stable: the stable revision's URL.
    public static func variables(of inquiry: Inquiry, candidate: String?, stable: String?) -> [String: String] {
        var variables = [revision: inquiry.candidate.revision.rawValue]
        variables[candidateURL] = candidate
        variables[stableURL] = stable
        variables[endpoint] = inquiry.endpoint
        return variables
    }

    /// Variables of the model. A manifest may override them.
    public static func defaults(of inquiry: Inquiry, modelFolder: String) -> [String: String] {
        [
            "MODEL_NAME": inquiry.deployment.name, "MODEL_VERSION": inquiry.candidate.version,
            "MODEL_DIR": modelFolder,
        ]
    }
}
