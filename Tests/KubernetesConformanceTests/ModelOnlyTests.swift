import Foundation
import KubernetesClient
import TestSupport
import Testing
