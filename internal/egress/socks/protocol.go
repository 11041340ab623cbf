package socks

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strconv"
	"syscall"
)

// What RFC 1928 calls its bytes.
const (
	version = 5

	noAuthentication = 0
	noMethod         = 0xFF

	connect = 1

	addressIPv4 = 1
	addressName = 3
	addressIPv6 = 4

	granted            = 0
	failed             = 1
	forbidden          = 2
	networkUnreachable = 3
	hostUnreachable    = 4
	refused            = 5
	unknownCommand     = 7
	unknownAddress     = 8
)

// greet reads where the client wants to go: host and port.
func greet(c io.ReadWriter) (string, error) {
	var head [2]byte
	if _, err := io.ReadFull(c, head[:]); err != nil {
		return "", err
	}
	if head[0] != version {
		return "", fmt.Errorf("version %d is not SOCKS5", head[0])
	}
	methods := make([]byte, head[1])
	if _, err := io.ReadFull(c, methods); err != nil {
		return "", err
	}
	method := byte(noMethod)
	for _, m := range methods {
		if m == noAuthentication {
			method = m
		}
	}
	if _, err := c.Write([]byte{version, method}); err != nil {
		return "", err
	}
	if method == noMethod {
		return "", errors.New("the client offers no method that is known")
	}
	var request [4]byte // version, command, reserved, type of address
	if _, err := io.ReadFull(c, request[:]); err != nil {
		return "", err
	}
	if request[0] != version || request[1] != connect {
		_, _ = c.Write(reply(unknownCommand))
		return "", fmt.Errorf("command %d is not CONNECT", request[1])
	}
	host, err := address(c, request[3])
	if err != nil {
		_, _ = c.Write(reply(unknownAddress))
		return "", err
	}
	var port [2]byte
	if _, err := io.ReadFull(c, port[:]); err != nil {
		return "", err
	}
	return net.JoinHostPort(host, strconv.Itoa(int(port[0])<<8|int(port[1]))), nil
}

func address(r io.Reader, kind byte) (string, error) {
	length := make([]byte, 1)
	switch kind {
	case addressIPv4:
		length[0] = 4
	case addressIPv6:
		length[0] = 16
	case addressName:
		if _, err := io.ReadFull(r, length); err != nil {
			return "", err
		}
	default:
		return "", fmt.Errorf("addresses of type %d are not known", kind)
	}
	host := make([]byte, length[0])
	if _, err := io.ReadFull(r, host); err != nil {
		return "", err
	}
	if kind == addressName {
		if len(host) == 0 {
			return "", errors.New("the name is empty")
		}
		return string(host), nil
	}
	addr, _ := netip.AddrFromSlice(host)
	return addr.String(), nil
}

// reply is an answer without a bound address, which no client asks for.
func reply(code byte) []byte {
	return []byte{version, code, 0, addressIPv4, 0, 0, 0, 0, 0, 0}
}

func codeOf(err error) byte {
	denied := new(DeniedError)
	switch {
	case errors.As(err, &denied):
		return forbidden
	case errors.Is(err, syscall.ECONNREFUSED):
		return refused
	case errors.Is(err, syscall.ENETUNREACH):
		return networkUnreachable
	case errors.Is(err, syscall.EHOSTUNREACH):
		return hostUnreachable
	}
	return failed
}
