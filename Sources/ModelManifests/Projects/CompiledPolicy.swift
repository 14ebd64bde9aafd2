/// A policy's rules in the form that asking takes the least: made once a project, asked for each of its manifests.
final class CompiledPolicy: Sendable {
    /// Names, some of them patterns.
    struct Names: Sendable {
        private let exact: Set<String>
        private let patterns: [NamePattern]

        init(_ names: [NamePattern]) {
            exact = Set(names.filter { !$0.hasStar }.map(\.description))
            patterns = names.filter(\.hasStar)
        }

        func contains(_ name: String) -> Bool { exact.contains(name) || patterns.contains { $0.matches(name) } }
    }

    let refusesNothing: Bool
    let namespaces: Names?
    let runtimes: Set<String>?
    let programs: Set<String>
    let modelSources: ModelSourceRoots?
    let secrets: Set<String>?
    let serviceAccounts: Set<String>?
    let hasLimits: Bool

    init(_ policy: ProjectPolicy) {
        refusesNothing = policy == ProjectPolicy()
        namespaces = policy.namespaces.map(Names.init)
        runtimes = policy.runtimes.map(Set.init)
        if case .only(let names) = policy.commands { programs = Set(names) } else { programs = [] }
        modelSources = policy.modelSources.map(ModelSourceRoots.init)
        secrets = policy.secrets.map(Set.init)
        serviceAccounts = policy.serviceAccounts.map(Set.init)
        hasLimits = !policy.limits.isEmpty
    }
}
