import JSON
import KubernetesClient
import ModelManifests

/// A type that the server knows, with its special behaviour.
struct RegisteredType: Hashable, Sendable {
    var resource: ResourceType
    var schema: FieldSchema
    var hasStatus = false
    /// Increases `metadata.generation` with every change outside metadata and status.
    var countsGenerations = false
    /// A replace must carry a resource version.
    var requiresVersion = false
    /// The answer to a delete is the object, not a `Status`.
    var answersDeletedObject = false
    /// Names are DNS labels, not subdomains.
    var namesAreLabels = false
    /// The schema of a custom type.
    var openAPI: JSONValue?

    var isCustom: Bool { openAPI != nil }

    /// `deployments.apps`; `pods` for the core group.
    var qualifiedPlural: String { resource.group.isEmpty ? resource.plural : "\(resource.plural).\(resource.group)" }
    /// `Deployment.apps`.
    var qualifiedKind: String { resource.group.isEmpty ? resource.kind : "\(resource.kind).\(resource.group)" }
}

extension RegisteredType {
    /// The built-in types that mlctl reads or writes.
    static let builtIn: [RegisteredType] = [
        RegisteredType(resource: .namespaces, schema: .namespace, hasStatus: true, namesAreLabels: true),
        RegisteredType(
            resource: .pods, schema: .pod, hasStatus: true, countsGenerations: true, answersDeletedObject: true),
        RegisteredType(
            resource: .services, schema: .service, hasStatus: true, answersDeletedObject: true, namesAreLabels: true),
        RegisteredType(resource: .configMaps, schema: .data),
        RegisteredType(resource: .secrets, schema: .data),
        RegisteredType(resource: .serviceAccounts, schema: .serviceAccount, answersDeletedObject: true),
        RegisteredType(resource: .events, schema: .event),
        RegisteredType(resource: .deployments, schema: .deployment, hasStatus: true, countsGenerations: true),
        RegisteredType(resource: .jobs, schema: .job, hasStatus: true, countsGenerations: true),
        RegisteredType(
            resource: .podDisruptionBudgets, schema: .podDisruptionBudget, hasStatus: true, countsGenerations: true),
        RegisteredType(resource: .networkPolicies, schema: .networkPolicy, countsGenerations: true),
        RegisteredType(resource: .endpointSlices, schema: .plain, countsGenerations: true),
        RegisteredType(resource: .leases, schema: .plain, requiresVersion: true),
        RegisteredType(resource: .roles, schema: .plain),
        RegisteredType(resource: .roleBindings, schema: .roleBinding),
        RegisteredType(
            resource: .customResourceDefinitions, schema: .customResourceDefinition, hasStatus: true,
            countsGenerations: true, requiresVersion: true, answersDeletedObject: true),
    ]

    /// The types that a `CustomResourceDefinition` defines: one for each served version.
    static func defined(by definition: JSONValue) -> [RegisteredType] {
        guard let spec = definition[field: "spec"], let names = spec[field: "names"],
            let kind = names[field: "kind"]?.text, let plural = names[field: "plural"]?.text,
            let group = spec[field: "group"]?.text
        else { return [] }
        return (spec[field: "versions"]?.items ?? []).compactMap { version in
            guard version[field: "served"] != false, let name = version[field: "name"]?.text else { return nil }
            let openAPI = version.value(at: "schema", "openAPIV3Schema") ?? .object([:])
            return RegisteredType(
                resource: ResourceType(
                    group: group, version: name, kind: kind, plural: plural,
                    isNamespaced: spec[field: "scope"] != "Cluster"),
                schema: .custom(openAPI), hasStatus: version.value(at: "subresources", "status") != nil,
                countsGenerations: true, requiresVersion: true, openAPI: openAPI)
        }
    }
}
