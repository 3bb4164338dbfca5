// Main packages of our own, for programs whose own ones do not build here or build too much.

/** CoreDNS with the plugins that a cluster needs: its documented way to be built small. */
export const COREDNS_MAIN = `package main

import (
	"github.com/coredns/coredns/coremain"
	_ "github.com/coredns/coredns/plugin/cache"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/forward"
	_ "github.com/coredns/coredns/plugin/health"
	_ "github.com/coredns/coredns/plugin/hosts"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	_ "github.com/coredns/coredns/plugin/loadbalance"
	_ "github.com/coredns/coredns/plugin/log"
	_ "github.com/coredns/coredns/plugin/ready"
)

func main() { coremain.Run() }
`;

/**
 * Flannel's daemon over its own packages, in the order of its own main, with nftables and the Kubernetes subnet manager
 * only. Its own main imports every cloud's backend, and the module that one of them needs is not to be had everywhere.
 */
export const FLANNELD_MAIN = `package main

import (
	"context"
	"flag"
	"os/signal"
	"sync"
	"syscall"

	"github.com/flannel-io/flannel/pkg/backend"
	_ "github.com/flannel-io/flannel/pkg/backend/hostgw"
	_ "github.com/flannel-io/flannel/pkg/backend/vxlan"
	"github.com/flannel-io/flannel/pkg/ip"
	"github.com/flannel-io/flannel/pkg/ipmatch"
	"github.com/flannel-io/flannel/pkg/subnet/kube"
	"github.com/flannel-io/flannel/pkg/trafficmngr/nftables"
	log "k8s.io/klog/v2"
)

func main() {
	log.InitFlags(nil)
	kubeconfig := flag.String("kubeconfig-file", "", "kubeconfig file")
	netConf := flag.String("net-config-path", "/etc/kube-flannel/net-conf.json", "network configuration file")
	iface := flag.String("iface", "", "interface between nodes")
	publicIP := flag.String("public-ip", "", "IPv4 address that the other nodes know this one by")
	publicIPv6 := flag.String("public-ipv6", "", "IPv6 address that the other nodes know this one by")
	subnetFile := flag.String("subnet-file", "/run/flannel/subnet.env", "where the lease is written to")
	flag.Parse()

	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer cancel()
	manager, err := kube.NewSubnetManager(ctx, "", *kubeconfig, "flannel.alpha.coreos.com", *netConf, true)
	must("subnet manager", err)
	config, err := manager.GetNetworkConfig(ctx)
	must("network configuration", err)
	stack, err := ipmatch.GetIPFamily(config.EnableIPv4, config.EnableIPv6)
	must("address families", err)
	external, err := ipmatch.LookupExtIface(*iface, "", "", stack,
		ipmatch.PublicIPOpts{PublicIP: *publicIP, PublicIPv6: *publicIPv6})
	must("interface", err)

	var working sync.WaitGroup
	be, err := backend.NewManager(ctx, manager, external).GetBackend(config.BackendType)
	must("backend", err)
	network, err := be.RegisterNetwork(ctx, &working, config)
	must("network", err)
	lease := network.Lease()

	rules := &nftables.NFTablesManager{}
	must("nftables", rules.Init(ctx))
	must("masquerading", rules.SetupAndEnsureMasqRules(ctx, config.Network, ip.IP4Net{}, ip.IP4Net{},
		config.IPv6Network, ip.IP6Net{}, ip.IP6Net{}, lease, 5, false))
	rules.SetupAndEnsureForwardRules(ctx, config.Network, config.IPv6Network, 5)
	must("subnet file", manager.HandleSubnetFile(*subnetFile, config, true, lease.Subnet, lease.IPv6Subnet, network.MTU()))

	log.Info("Running backend.")
	working.Add(1)
	go func() {
		network.Run(ctx)
		working.Done()
	}()
	if err := manager.CompleteLease(ctx, lease, &working); err != nil && ctx.Err() == nil {
		log.Fatalf("lease: %v", err)
	}
	working.Wait()
}

func must(what string, err error) {
	if err != nil {
		log.Fatalf("%s: %v", what, err)
	}
}
`;
