/// Where manifests come from, and what they may do: one entry of `projects:` in the controller's settings.
package struct Project: Hashable, Sendable {
    /// The project's name in a controller that was started with `--repo`.
    package static let defaultName = "default"

    package var name: String
    /// A path, or a `file:`, `https:` or ssh address, without credentials.
    package var repo: String
    package var reference: ProjectReference
    /// The folder within the repository that holds the manifests.
    package var path: String
    /// A file with `user:password`, or in the form of git's credential store; nil uses git's own configuration.
    package var credentialsFile: String?
    /// A file with only a token.
    package var tokenFile: String?
    /// Lets a commit without any manifest remove all deployments of the project.
    package var allowsEmpty: Bool
    package var policy: ProjectPolicy
    package var writeBack = WriteBack()
    /// A file with the secret that the git server's webhook signs with; nil accepts deliveries from anybody.
    package var hookSecretFile: String?
    /// Whose signature each commit needs; nil: none.
    package var verify: CommitVerification?

    package init(
        name: String = Project.defaultName, repo: String, reference: ProjectReference = .branch("main"),
        path: String = ".", credentialsFile: String? = nil, tokenFile: String? = nil, allowsEmpty: Bool = false,
        policy: ProjectPolicy = ProjectPolicy()
    ) {
        self.name = name
        self.repo = repo
        self.reference = reference
        self.path = path
        self.credentialsFile = credentialsFile
        self.tokenFile = tokenFile
        self.allowsEmpty = allowsEmpty
        self.policy = policy
    }
}

/// Which commit of the repository is read.
package enum ProjectReference: Hashable, Sendable, CustomStringConvertible {
    case branch(String)
    case tag(String)
    /// The highest tag whose version is in the range: `>=1.2 <2`.
    case semver(String)
    case commit(String)

    package var description: String {
        switch self {
        case .branch(let name): name
        case .tag(let name): "tag \(name)"
        case .semver(let range): "semver \(range)"
        case .commit(let id): String(id.prefix(12))
        }
    }
}
