/// A project's policy with what the controller's settings add to it: everything that a manifest is checked against.
public struct ProjectRules: Hashable, Sendable {
    public var project: String
    public var policy: ProjectPolicy
    /// Sources in the settings that run a command, with the program of each.
    public var commandSources: [String: String]
    /// The cluster of a target that names none; nil means the cluster that the controller runs in.
    public var onlyCluster: String?

    public init(
        project: String, policy: ProjectPolicy, commandSources: [String: String] = [:], onlyCluster: String? = nil
    ) {
        self.project = project
        self.policy = policy
        self.commandSources = commandSources
        self.onlyCluster = onlyCluster
    }

    /// Allows everything.
    public static let open = ProjectRules(project: Project.defaultName, policy: ProjectPolicy())

    var refusesNothing: Bool { policy == ProjectPolicy() }

    /// - Parameter excess: the exceeded limits, in words.
    public func noRoom(_ excess: [String]) -> String {
        "project '\(project)' has no room for it (policy 'limits'): \(excess.joined(separator: ", "))"
    }

    /// Runtimes that the policy names and that do not exist.
    public func unknownRuntimes(beside described: Set<String>) -> [String] {
        (policy.runtimes ?? []).filter { RuntimePresets.texts[$0] == nil && !described.contains($0) }
    }

    /// Why the project may not have documents in a namespace; nil where it may.
    func problem(withNamespace namespace: String) -> Violation? {
        guard let allowed = policy.namespaces, !allowed.contains(where: { $0.matches(namespace) }) else { return nil }
        return Violation(
            "namespaces", "the project may not use namespace '\(namespace)'",
            allows: allowed.map(\.description))
    }

    /// Why a program must not be started; nil where it may be.
    ///
    /// - Parameter noun: what starts it, such as "a check gate".
    func problem(withProgram program: String, of noun: String) -> Violation? {
        switch policy.commands {
        case .any: nil
        case .deny:
            Violation("commands", "\(noun) starts '\(program.shortened)', but the project denies commands", allows: nil)
        case .only(let programs) where programs.contains(program): nil
        case .only(let programs):
            Violation(
                "commands", "\(noun) starts '\(program.shortened)', which the project does not allow",
                allows: programs)
        }
    }

    /// Why an image must not be run; nil where it may be. An image counts as a program, because it brings its own entrypoint.
    func problem(withImage image: String, of noun: String) -> Violation? {
        switch policy.commands {
        case .any: nil
        case .deny:
            Violation(
                "commands", "\(noun) runs the image '\(image.shortened)', but the project denies commands", allows: nil)
        case .only(let programs) where programs.contains(image): nil
        case .only(let programs):
            Violation(
                "commands", "\(noun) runs the image '\(image.shortened)', which the project does not allow",
                allows: programs)
        }
    }

    /// Whether manifests may start any program, image and arguments.
    var allowsOtherCode: Bool { policy.commands == .any }
}

/// One violation of a policy.
struct Violation: Hashable, Sendable {
    /// The policy's field: `namespaces`.
    var rule: String
    var text: String
    /// What is allowed; nil where nothing is.
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
