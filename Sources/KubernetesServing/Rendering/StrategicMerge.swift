import JSON
import ModelManifests

/// Merges a partial PodTemplateSpec into a whole one, as `kubectl patch --type=strategic` does: objects are merged, lists of
/// objects with a key are merged by that key, other lists are replaced, null removes.
enum StrategicMerge {
    /// The field that identifies the elements of a list, by the list's name (Kubernetes' `patchMergeKey`).
    private static let keys: [String: String] = [
        "containers": "name", "initContainers": "name", "ephemeralContainers": "name", "volumes": "name",
        "env": "name", "imagePullSecrets": "name", "resourceClaims": "name", "claims": "name",
        "ports": "containerPort", "volumeMounts": "mountPath", "volumeDevices": "devicePath", "hostAliases": "ip",
        "topologySpreadConstraints": "topologyKey", "ownerReferences": "uid",
    ]

    static func laid(_ patch: JSONValue, over base: JSONValue, list name: String = "") -> JSONValue {
        switch (patch, base) {
        case (.object(let patch), .object(let base)): .object(merged(patch, base))
        case (.array(let patch), .array(let base)): .array(merged(patch, base, key: keys[name]))
        default: withoutNulls(patch)
        }
    }

    private static func merged(
        _ patch: [String: JSONValue], _ base: [String: JSONValue]
    ) -> [String: JSONValue] {
        var result = base
        for (name, value) in patch {
            if value == .null {
                result[name] = nil
            } else if let own = base[name] {
                result[name] = laid(value, over: own, list: name)
            } else {
                result[name] = withoutNulls(value)
            }
        }
        return result
    }

    private static func merged(_ patch: [JSONValue], _ base: [JSONValue], key: String?) -> [JSONValue] {
        // Lists of texts and numbers, and lists without a key, are replaced.
        guard let key, patch.allSatisfy({ $0[key] != nil }) else { return patch.map(withoutNulls) }
        var result = base
        for element in patch {
            if let index = result.firstIndex(where: { $0[key] == element[key] }) {
                result[index] = laid(element, over: result[index])
            } else {
                result.append(withoutNulls(element))
            }
        }
        return result
    }

    private static func withoutNulls(_ value: JSONValue) -> JSONValue {
        switch value {
        case .object(let members): .object(members.filter { $0.value != .null }.mapValues(withoutNulls))
        case .array(let items): .array(items.map(withoutNulls))
        case .null, .bool, .integer, .number, .string: value
        }
    }
}
