import KubernetesClient
import ModelManifests

extension ClusterStore {
    /// Watches what others change after the records were read, until its task is cancelled. Run it once.
    package func run() async {
        guard let version = await versionsRead.first(where: { _ in true }) else { return }
        let cache = ObjectCache(ModelDeploymentObject.self, of: api, selection, logger: logger)
        let changes = cache.changes()
        let read = known.values.map(\.object)
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await cache.run(after: version, read) }
            for await key in changes {
                if let object = cache[key] {
                    follow(object)
                } else {
                    await checkMissing(key)
                }
            }
            group.cancelAll()
        }
        changed.finish()
    }

    /// The watch no longer shows the object, or does not show yet what was created here: ask the server which it is.
    private func checkMissing(_ key: NamespacedName) async {
        let deployment = DeploymentKey(namespace: key.namespace ?? "default", name: key.name)
        guard known[deployment] != nil else { return }
        do {
            let found = try await api.get(ModelDeploymentObject.self, key)
            if let found { follow(found) } else { forget(deployment) }
        } catch {
            changed.yield(deployment)  // The next pass reports why the request failed.
        }
    }
}
