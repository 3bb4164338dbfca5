// What the test pods run: answers with its name, and looks at others. Pure Go, so that one static file is the image.
package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"syscall"
	"time"
)

const timeout = 2 * time.Second

func main() {
	var err error
	switch command, argument := os.Args[1], os.Args[2]; command {
	case "serve":
		err = serve(argument)
	case "fetch":
		err = fetch(argument)
	case "ping":
		err = ping(argument)
	default:
		err = fmt.Errorf("no command %q: serve ADDRESS, fetch URL, ping IP", command)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func serve(address string) error {
	name, err := os.Hostname()
	if err != nil {
		return err
	}
	return http.ListenAndServe(address, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Connection", "close") // or a service would lead a client to the same pod each time
		fmt.Fprint(w, name)
	}))
}

func fetch(url string) error {
	client := http.Client{Timeout: timeout}
	response, err := client.Get(url)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	_, err = io.Copy(os.Stdout, response.Body)
	return err
}

// One echo by the datagram socket that net.ipv4.ping_group_range allows to anybody: the kernel fills in identifier
// and checksum, and hands us answers to our own requests only.
func ping(address string) error {
	ip := net.ParseIP(address)
	if ip == nil {
		return fmt.Errorf("no address: %q", address)
	}
	family, protocol, request := syscall.AF_INET6, syscall.IPPROTO_ICMPV6, byte(128)
	var to syscall.Sockaddr = &syscall.SockaddrInet6{Addr: [16]byte(ip.To16())}
	if ip4 := ip.To4(); ip4 != nil {
		family, protocol, request = syscall.AF_INET, syscall.IPPROTO_ICMP, 8
		to = &syscall.SockaddrInet4{Addr: [4]byte(ip4)}
	}
	fd, err := syscall.Socket(family, syscall.SOCK_DGRAM, protocol)
	if err != nil {
		return fmt.Errorf("no socket for ICMP: %w", err)
	}
	limit := syscall.NsecToTimeval(timeout.Nanoseconds())
	if err := syscall.SetsockoptTimeval(fd, syscall.SOL_SOCKET, syscall.SO_RCVTIMEO, &limit); err != nil {
		return err
	}
	if err := syscall.Sendto(fd, []byte{request, 0, 0, 0, 0, 0, 0, 1}, 0, to); err != nil {
		return fmt.Errorf("no answer: %w", err)
	}
	if _, _, err := syscall.Recvfrom(fd, make([]byte, 64), 0); err != nil {
		return fmt.Errorf("no answer: %w", err)
	}
	fmt.Println("answered")
	return nil
}
