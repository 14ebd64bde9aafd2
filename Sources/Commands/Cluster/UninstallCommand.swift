import ArgumentParser
import Foundation
import KubernetesClient
import KubernetesServing
import SafeText

/// `mlctl uninstall`: removes mlctl's objects from a cluster.
struct UninstallCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "uninstall", abstract: "Take what mlctl has made out of a cluster.",
        discussion: """
            Takes the finalizer off every ModelDeployment and deletes it, then deletes what mlctl made for it: routes, \
            Deployments, Services, proxies, keys, records and the controller's lease. With --keep-serving the models go \
            on serving, and nobody looks after them until mlctl is installed again.

            No controller may run meanwhile: it would make everything again. One that the chart installed is found, and \
            stopped with --stop-controller. Manifests in git are left alone, and so is a release of the chart.

            Examples:
              mlctl uninstall                                  say what would be deleted
              mlctl uninstall --yes --stop-controller --crd    everything
              mlctl uninstall --yes --namespace payments       of one namespace
              mlctl uninstall --yes --keep-serving             only mlctl, not what it serves
            """)

    @Option(help: "The context of the kubeconfig; the current one.") var context: String?
    @Option(help: "A kubeconfig; in a pod its service account, else KUBECONFIG or ~/.kube/config.")
    var kubeconfig: String?
    @Option(name: .shortAndLong, help: "Only this namespace.") var namespace: String?
    @Flag(name: .customLong("keep-serving"), help: "What serves goes on.") var keepsServing = false
    @Flag(help: "Delete the definition of ModelDeployments too.") var crd = false
    @Flag(name: .customLong("stop-controller"), help: "Scale a controller that runs in the cluster to none first.")
    var stopsController = false
    @Option(help: "The controller's Deployment as NAMESPACE/NAME; those that the chart installed.")
    var controller: String?
    @Option(help: "What the controller's lease is called: the `name` of its settings.") var lease = "mlctl"
    @Flag(help: "Do it, and do not only say what would be done.") var yes = false

    func validate() throws {
        if crd, namespace != nil {
            throw ValidationError("--crd goes with all namespaces: the definition is the whole cluster's")
        }
        if crd, keepsServing {
            throw ValidationError(
                "--crd and --keep-serving exclude each other: keep the definition for the next install")
        }
        if controller != nil, controllerKey == nil {
            throw ValidationError("write --controller as NAMESPACE/NAME")
        }
    }

    private var controllerKey: ObjectKey? {
        let parts = (controller ?? "").split(separator: "/", omittingEmptySubsequences: false).map { String($0) }
        guard parts.count == 2, parts.allSatisfy({ !$0.isEmpty }) else { return nil }
        return ObjectKey(namespace: parts[0], name: parts[1])
    }

    func run() async throws {
        let uninstall: ClusterUninstall
        do {
            let api = try ClusterSettings(name: context ?? "current", kubeconfig: kubeconfig, context: context).api()
            uninstall = ClusterUninstall(
                api,
                ClusterUninstall.Options(
                    namespace: namespace, keepsServing: keepsServing, removesDefinition: crd,
                    controller: controllerKey, stopsController: stopsController, lease: lease)
            ) { print(Escape.line($0)) }
        } catch let error as APIError {
            throw CommandFailure(.failed, error.message)
        }
        do {
            let steps = try await uninstall.steps()
            for line in steps.lines { print((yes ? "deleting " : "would delete ") + Escape.line(line)) }
            if keepsServing { print("what serves goes on") }
            guard yes else {
                throw CommandFailure(
                    .wrongUsage, steps.isEmpty ? "nothing of mlctl's is there" : "nothing was done: add --yes to do it")
            }
            let left = try await uninstall.run(steps)
            for line in left { print(Escape.line(line)) }
            guard left.isEmpty else {
                throw CommandFailure(.failed, "\(left.count) of mlctl's objects could not be taken away")
            }
            print(keepsServing ? "done: mlctl is gone, and its models serve" : "done: nothing of mlctl is left")
        } catch let error as ClusterServingError {
            throw CommandFailure(.failed, error.message)
        }
    }
}
