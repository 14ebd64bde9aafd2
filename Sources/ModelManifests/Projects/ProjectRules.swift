/// A project's policy, and what the controller's settings add to it: all that a manifest is held against.
public struct ProjectRules: Hashable, Sendable {
    public var project: String
    public var policy: ProjectPolicy
    /// Sources of the settings that run a command, with its program.
    public var commandSources: [String: String]
    /// The cluster that a target means which names none; nil: the one that the controller runs in.
    public var onlyCluster: String?

    public init(
        project: String, policy: ProjectPolicy, commandSources: [String: String] = [:], onlyCluster: String? = nil
    ) {
        self.project = project
        self.policy = policy
        self.commandSources = commandSources
        self.onlyCluster = onlyCluster
    }

    /// Refuses nothing.
    public static let open = ProjectRules(project: Project.defaultName, policy: ProjectPolicy())

    var refusesNothing: Bool { policy == ProjectPolicy() }

    /// - Parameter excess: what is over the limits, in words.
    public func noRoom(_ excess: [String]) -> String {
        "project '\(project)' has no room for it (policy 'limits'): \(excess.joined(separator: ", "))"
    }

    /// Runtimes that the policy names and that nobody knows.
    public func unknownRuntimes(beside described: Set<String>) -> [String] {
        (policy.runtimes ?? []).filter { RuntimePresets.texts[$0] == nil && !described.contains($0) }
    }

    /// Why documents in a namespace are outside of the project; nil where they are not.
    func problem(withNamespace namespace: String) -> Violation? {
        guard let allowed = policy.namespaces, !allowed.contains(where: { $0.matches(namespace) }) else { return nil }
        return Violation(
            "namespaces", "namespace '\(namespace)' is not one of the project's",
            allows: allowed.map(\.description))
    }

    /// Why a program must not be started; nil where it may be.
    ///
    /// - Parameter noun: what wants it: "a check gate".
    func problem(withProgram program: String, of noun: String) -> Violation? {
        switch policy.commands {
        case .any: nil
        case .deny:
            Violation("commands", "\(noun) starts '\(program.shortened)', and the project denies commands", allows: nil)
        case .only(let programs) where programs.contains(program): nil
        case .only(let programs):
            Violation(
                "commands", "\(noun) starts '\(program.shortened)', which is not a program of the project's",
                allows: programs)
        }
    }

    /// Why an image must not be run; nil where it may be. It is a program: its entrypoint is whatever its maker chose.
    func problem(withImage image: String, of noun: String) -> Violation? {
        switch policy.commands {
        case .any: nil
        case .deny:
            Violation(
                "commands", "\(noun) runs the image '\(image.shortened)', and the project denies commands", allows: nil)
        case .only(let programs) where programs.contains(image): nil
        case .only(let programs):
            Violation(
                "commands", "\(noun) runs the image '\(image.shortened)', which is not a program of the project's",
                allows: programs)
        }
    }

    /// Fields that a runtime takes from a manifest, over what its preset says.
    var allowsOtherCode: Bool { policy.commands == .any }
}

/// What a policy has against a manifest.
struct Violation: Hashable, Sendable {
    /// The policy's field: `namespaces`.
    var rule: String
    var text: String
    /// What would be allowed; nil where nothing would.
    var allowed: [String]?

    private static let shownLimit = 8

    init(_ rule: String, _ text: String, allows allowed: [String]?) {
        self.rule = rule
        self.text = text
        self.allowed = allowed
    }

    func message(project: String) -> String { "\(text) (policy '\(rule)' of project '\(project)')" }

    var suggestion: String? {
        guard let allowed else { return nil }
        let shown = allowed.prefix(Self.shownLimit).joined(separator: ", ")
        return
            "allowed: \(shown)\(allowed.count > Self.shownLimit ? ", and \(allowed.count - Self.shownLimit) more" : "")"
    }
}
