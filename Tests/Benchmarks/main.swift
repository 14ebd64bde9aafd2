import Foundation
import TestSupport

// `make bench`: the figures that mlctl promises, each beside its goal, and beside a peer in the same run where there is one.

let arguments = CommandLine.arguments
if arguments.dropFirst().first == "idle-controller" {
    try await IdleController.run(deployments: 1000)
    exit(0)
}
guard arguments.count >= 2 else {
    print("usage: benchmarks PATH-OF-MLCTL [NAME…]   names: \(Benchmark.all.map(\.name).joined(separator: ", "))")
    exit(2)
}
let mlctl = URL(filePath: arguments[1]).standardizedFileURL
let chosen = arguments.count > 2 ? Benchmark.all.filter { arguments.contains($0.name) } : Benchmark.all
var figures: [Figure] = []
for benchmark in chosen {
    print("\(benchmark.name) …")
    fflush(nil)
    do {
        figures += try await benchmark.run(mlctl)
    } catch {
        figures.append(Figure(what: benchmark.name, goal: "-", measured: "failed: \(error)", isMet: false))
    }
}
print("\n" + Figure.table(figures))
exit(figures.allSatisfy(\.isMet) ? 0 : 1)
